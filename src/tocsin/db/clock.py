"""The clock of a single machine: it never goes back and never jumps (ARCHITECTURE.md *Clock*).

An anchor plus the boot-time clock, slewed by at most 1% towards the system's time. A step of the system clock over five
seconds is not followed: a ladder must not skip or wait because somebody set the time. It is reported instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SLEW = 0.01
STEP = timedelta(seconds=5)


def boot_seconds() -> float:
    """Seconds on a clock that never jumps and, where the platform can, counts on while the machine sleeps."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def system_now() -> datetime:
    """The system's idea of the time."""
    return datetime.now(UTC)


class SteadyClock:
    """`application.ports.Clock` for one machine.

    Args:
        steady: seconds that never jump.
        system: the system's clock, which may.
    """

    def __init__(
        self,
        steady: Callable[[], float] = boot_seconds,
        system: Callable[[], datetime] = system_now,
    ) -> None:
        self._steady, self._system = steady, system
        self._looked = steady()
        self._at = system()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The present instant, aware UTC, never before an earlier answer."""
        with self._lock:
            steady = self._steady()
            passed = timedelta(seconds=steady - self._looked)
            self._looked = steady
            target = self._at + passed
            ahead = self._system() - target
            if abs(ahead) < STEP:
                limit = passed * SLEW
                target += min(max(ahead, -limit), limit)
            self._at = max(self._at, target)
            return self._at

    def not_before(self, floor: datetime) -> None:
        """Start no earlier than this: the newest event of the database."""
        with self._lock:
            self._at = max(self._at, floor)

    def step(self) -> timedelta:
        """How far the system's clock is from ours; over `STEP` it was set by somebody, and an operator should know."""
        return self._system() - self.now()
