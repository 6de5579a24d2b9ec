"""When people hear that Tocsin itself is in trouble: after a grace, again while it lasts, and once when it is over.

A pure state machine; `degraded` looks at the node and sends what this says. Instants are seconds on a steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

CALM_S = 30.0
"""How long nothing may be wrong before it counts as over: what comes and goes is one trouble, not many."""


class Word(Enum):
    """What people are told."""

    WRONG = "wrong"
    STILL = "still"
    WELL = "well"


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is known of one kind of trouble; every move answers a new one.

    Args:
        since: when it began; None while all is well.
        well_since: since when nothing is wrong although it does not count as over.
        told_at: when people were told last; None when they were not.
    """

    since: float | None = None
    well_since: float | None = None
    told_at: float | None = None

    def look(self, at: float, *, wrong: bool, after: timedelta, every: timedelta) -> tuple[Alarm, Word | None]:
        """Something is wrong at this instant, or not; what people are told now."""
        if wrong:
            return self._wrong(at, after.total_seconds(), every.total_seconds())
        if self.since is None:
            return self, None
        well_since = at if self.well_since is None else self.well_since
        if at - well_since < min(CALM_S, after.total_seconds()):
            return replace(self, well_since=well_since), None
        return Alarm(), None if self.told_at is None else Word.WELL

    def _wrong(self, at: float, after: float, every: float) -> tuple[Alarm, Word | None]:
        since = at if self.since is None else self.since
        lasting = replace(self, since=since, well_since=None)
        if self.told_at is None:
            return (replace(lasting, told_at=at), Word.WRONG) if at - since >= after else (lasting, None)
        return (replace(lasting, told_at=at), Word.STILL) if at - self.told_at >= every else (lasting, None)
