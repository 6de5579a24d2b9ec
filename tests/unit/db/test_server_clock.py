"""PostgreSQL's clock as a node carries it on: followed forwards, never back, and never standing still."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from tocsin.db.postgres import PostgresDatabase

START = datetime(2026, 11, 18, 9, tzinfo=UTC)


class Server(PostgresDatabase):
    """A node's view of a server of which there is nothing but the clock."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.set_by = timedelta(0)
        self._steady = lambda: self.passed_s
        self._looked: tuple[float, datetime] | None = None
        self._look_at = 0.0
        self._step = timedelta(0)
        self._last = datetime.fromtimestamp(0, UTC)
        self._telling = threading.Lock()

    def _look(self) -> tuple[float, datetime]:
        return self.passed_s, START + timedelta(seconds=self.passed_s) + self.set_by

    def after(self, seconds: float) -> timedelta:
        """How far `now` has come since the start, a while later; it is asked each second, as the loops do."""
        for _ in range(int(seconds)):
            self.passed_s += 1
            self.now()
        return self.now() - START


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_a_server_that_is_set_back_is_not_followed_and_time_goes_on():
    server = Server()
    assert server.after(30) == seconds(30)

    server.set_by = timedelta(hours=-1)

    assert server.after(600) == seconds(630)
    assert server.clock_step() == timedelta(hours=-1)


def test_a_server_that_is_set_forward_is_followed_within_ten_seconds():
    server = Server()
    server.after(30)

    server.set_by = timedelta(hours=1)

    assert server.after(11) == timedelta(hours=1) + seconds(41)
    assert server.clock_step() == timedelta(0)


def test_a_little_back_is_waited_for():
    server = Server()
    server.after(30)

    server.set_by = timedelta(seconds=-3)

    assert server.after(30) == seconds(57)


def test_a_node_that_starts_after_a_step_back_goes_on_from_the_newest_event():
    server = Server()
    server.not_before(START + timedelta(days=3))

    assert server.after(100) == timedelta(days=3) + seconds(100)
    assert server.clock_step() == timedelta(days=-3)
