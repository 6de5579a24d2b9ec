"""What every source answers: the signals of a payload, and the parts of it that nobody could read."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.domain.alerts import Rejection, Signal


@dataclass(frozen=True, slots=True)
class Parsed:
    """A payload, read.

    A source has no clock. So `Signal.firing` says what the sender said, and a firing signal whose `ends_at` has passed
    by the time it is taken in has cleared: the ingest use case compares the two.

    Args:
        signals: the alerts that can be taken in, in the order they were sent.
        rejected: the others. With no signals and at least one of these nothing is left to accept (RULES.md: 4xx).
    """

    signals: tuple[Signal, ...] = ()
    rejected: tuple[Rejection, ...] = ()
