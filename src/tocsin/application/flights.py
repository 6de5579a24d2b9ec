"""What became of the canaries that this process sent through the whole path."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

LATE_AFTER = 1.5
"""Spans between flights without one that arrived, after which somebody should look."""


@dataclass(slots=True)
class Flights:
    """What became of this process's canaries; written by one thread.

    Args:
        every: how often one is sent; None where none are.
        began_at: when the first was due, on `clock`.
        arrived_at: when the last that came through arrived; None before the first.
        trouble: why the last one did not come through; empty when it did.
        unasked: why the watchdog could not be asked; empty when it could, or there is none.
        clock: a steady one, in seconds.
    """

    every: timedelta | None = None
    began_at: float = 0.0
    arrived_at: float | None = None
    trouble: str = ""
    unasked: str = ""
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @property
    def age_s(self) -> float | None:
        """Seconds since the last one arrived, or since the first was to; None where none are sent."""
        if self.every is None:
            return None
        return self.clock() - (self.began_at if self.arrived_at is None else self.arrived_at)

    @property
    def late(self) -> bool:
        """Whether so long ago that it is no hiccup."""
        age = self.age_s
        return self.every is not None and age is not None and age > LATE_AFTER * self.every.total_seconds()

    def troubles(self) -> Iterator[str]:
        """What says that alerts may not reach people, as sentences."""
        if self.late or self.trouble:
            because = self.trouble or "The last one is still under way."
            yield f"No canary has come through the whole path for {max(0.0, self.age_s or 0.0):.0f} s. {because}"

    def warnings(self) -> Iterator[str]:
        """What is wrong with the watchdog."""
        if self.unasked:
            yield f"The canaries come through, and the watchdog cannot be told: {self.unasked}"
