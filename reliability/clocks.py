"""One clock for what two processes noted: a database's instants, put onto the steady clock of this process."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg

_LOOKS = 5
"""The quickest look of so many counts: the others were held up on the way."""


class OneClock:
    """A database's clock as seen from here; looked at when made, and again whenever `drift_s` is asked for.

    Args:
        database_url: a PostgreSQL; None for SQLite, whose clock is this machine's while nobody sets it.
    """

    def __init__(self, database_url: str | None) -> None:
        self._url = database_url
        self._began = self._look()

    def steady(self, instant: datetime) -> float:
        """The instant on `time.monotonic` of this process."""
        there, here = self._began
        return here + (instant - there).total_seconds()

    def drift_s(self) -> float:
        """Seconds by which the two clocks have gone apart since; far from zero when one was set meanwhile."""
        there, here = self._look()
        return self.steady(there) - here

    def _look(self) -> tuple[datetime, float]:
        if self._url is None:
            return datetime.now(UTC), time.monotonic()
        with psycopg.connect(self._url, autocommit=True) as connection:
            return min((_told(connection) for _ in range(_LOOKS)), key=lambda look: look[2])[:2]


def _told(connection: psycopg.Connection) -> tuple[datetime, float, float]:
    """The server's clock, ours in the middle of the question, and how long the answer took."""
    asked = time.monotonic()
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    answered = time.monotonic()
    assert row is not None, "SELECT without FROM gives a row"
    return row[0].astimezone(UTC), (asked + answered) / 2, answered - asked


def ranked(values: list[float], share: float) -> float | None:
    """The value below which this share (0 to 1) of the values lies; None when there are none."""
    in_order = sorted(values)
    return in_order[min(len(in_order) - 1, int(share * len(in_order)))] if in_order else None
