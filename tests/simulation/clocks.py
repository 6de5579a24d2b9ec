"""The clocks of a run: what the machines' own show, which somebody may set, and what `Database.now()` makes of them.

The code that reads them is the real one: `SteadyClock` of SQLite, and `now` of PostgreSQL over a simulated server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import psycopg

from tests.simulation.world import BrokenPromiseError, World
from tocsin.db.clock import SteadyClock
from tocsin.db.postgres import PostgresDatabase

JUMPS = tuple(sign * span for span in (timedelta(seconds=3), timedelta(hours=1), timedelta(days=3)) for sign in (1, -1))
"""How far somebody sets a clock: a little, which is to be followed slowly, and far, which is not to be followed."""

SLEW = 0.01
"""How much faster or slower than time the clock of a database may run."""

FOLLOWED = timedelta(seconds=5)
"""A step up to this is made up for little by little, or waited for."""


class SystemClock:
    """The clock of one machine, as its operating system tells it."""

    def __init__(self, world: World) -> None:
        self._world, self.ahead = world, timedelta(0)

    def __call__(self) -> datetime:
        """What it shows."""
        return self._world.now + self.ahead

    def jump(self, by: timedelta) -> None:
        """Somebody sets it."""
        self._world.note(f"! a system's clock jumps by {by}")
        self._world.count("clock jumps")
        self.ahead += by
        self._world.jumped = self._world.now


class Clock(Protocol):
    """What a node asks for the time."""

    def now(self) -> datetime:
        """The database's idea of the time."""
        ...

    def not_before(self, floor: datetime) -> None:
        """Start no earlier than this."""
        ...

    def shows(self) -> datetime:
        """What `now` would say, without having it look at anything."""
        ...


class _MachineClock(SteadyClock):
    def shows(self) -> datetime:
        return self.now()


class Pace:
    """Whether the clock of one life of a node goes on as time does.

    Args:
        name: of that life.
        follows: whether it may leap with the clock of a server.
    """

    def __init__(self, name: str, began: datetime, shown: datetime, *, follows: bool) -> None:
        self._name, self._follows = name, follows
        self._at, self._shown = began, shown
        self.leapt_at = began

    def look(self, at: datetime, shown: datetime) -> None:
        """I1 needs a clock to be due by: it neither stands still, nor follows somebody who sets the system's."""
        passed, moved = at - self._at, shown - self._shown
        too_far = moved > passed * (1 + 1.5 * SLEW) + timedelta(seconds=1)
        if self._follows and too_far:
            self._at, self._shown, self.leapt_at = at, shown, at
            return
        if moved < passed * (1 - 1.5 * SLEW) - FOLLOWED:
            raise BrokenPromiseError(f"I1: the clock of {self._name} stands still", self._name)
        if too_far:
            raise BrokenPromiseError(f"I1: the clock of {self._name} leapt by {moved - passed}", self._name)


Wind = Callable[[Callable[[], None]], Clock]
"""Makes the clock of a new life; it is handed what raises when the database cannot be reached."""


def sqlite(world: World, system: SystemClock) -> Wind:
    """A machine of its own with a file."""
    return lambda _reach: _MachineClock(world.seconds, system)


def postgres(world: World, server: SystemClock) -> Wind:
    """A client of the one server."""
    return lambda reach: _ServerClock(world, server, reach)


class _ServerClock(PostgresDatabase):
    """The clock of `PostgresDatabase` and nothing else of it: no pool, no connection."""

    def __init__(self, world: World, server: SystemClock, reach: Callable[[], None]) -> None:
        self._steady = world.seconds
        self._server, self._reach = server, reach
        self._looked: tuple[float, datetime] | None = None
        self._look_at = 0.0
        self._step = timedelta(0)
        self._last = datetime.fromtimestamp(0, UTC)
        self._telling = threading.Lock()

    def _look(self) -> tuple[float, datetime]:
        try:
            self._reach()
        except Exception as gone:
            raise psycopg.OperationalError("the simulated server does not answer") from gone
        return self._steady(), self._server()

    def shows(self) -> datetime:
        """What `now` would say if it did not look at the server."""
        if self._looked is None:
            return self._last
        looked_at, server_at = self._looked
        return max(self._last, server_at + timedelta(seconds=self._steady() - looked_at))

    def _busy(self) -> psycopg.Connection | None:
        return None
