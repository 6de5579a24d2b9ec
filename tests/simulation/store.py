"""The real store on SQLite in memory, without its writer thread: every transaction runs where it is called.

Two triggers write down what each transaction did to pages and incidents, so that the promises are held against what was
really committed, not against what the code meant to do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol, TypeVar

from tests.simulation.team import VERSION
from tocsin.application.ports import Transaction
from tocsin.application.records import Integration
from tocsin.db.sqlite import SqliteConnection, SqliteDatabase
from tocsin.db.transaction import SqlTransaction
from tocsin.domain.errors import UnavailableError

T = TypeVar("T")

MONITOR = Integration("in-1", "prometheus", "key", "shop", datetime(2026, 1, 1, tzinfo=UTC))

_WATCH = """
CREATE TABLE watched_pages (n INTEGER PRIMARY KEY, id, was, state, fence_was, fence, owner_was, owner);
CREATE TABLE watched_incidents (n INTEGER PRIMARY KEY, id);
CREATE TRIGGER watch_new_pages AFTER INSERT ON pages BEGIN
  INSERT INTO watched_pages (id, was, state, fence_was, fence, owner_was, owner)
  VALUES (new.id, '', new.state, 0, 0, '', ''); END;
CREATE TRIGGER watch_pages AFTER UPDATE OF state, fence ON pages BEGIN
  INSERT INTO watched_pages (id, was, state, fence_was, fence, owner_was, owner)
  VALUES (new.id, old.state, new.state, old.fence, new.fence, old.owner, new.owner); END;
CREATE TRIGGER watch_new_incidents AFTER INSERT ON incidents BEGIN
  INSERT INTO watched_incidents (id) VALUES (new.id); END;
CREATE TRIGGER watch_incidents AFTER UPDATE OF head_seq ON incidents BEGIN
  INSERT INTO watched_incidents (id) VALUES (new.id); END;
"""


class _StoppedClock:
    def now(self) -> datetime:
        return MONITOR.created_at


@cache
def _template() -> sqlite3.Connection:
    """A migrated, watched database with the team's procedures; made once in a process and copied for every run."""
    database = SqliteDatabase(":memory:", _StoppedClock())
    database.migrate()
    template = sqlite3.connect(":memory:", check_same_thread=False)
    database._writer_connection.backup(template)
    database.close()
    template.executescript(_WATCH)
    transaction = SqlTransaction(SqliteConnection(template))
    transaction.accounts.save_procedures(VERSION, b"{}", MONITOR.created_at)
    transaction.accounts.add_integration(MONITOR)
    template.commit()
    return template


@dataclass(frozen=True, slots=True)
class PageChange:
    """What a transaction did to the state or the fence of a page; `was` is empty for a new one."""

    id: str
    was: str
    state: str
    fence_was: int
    fence: int
    owner_was: str
    owner: str


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction left behind."""

    pages: tuple[PageChange, ...]
    incidents: tuple[str, ...]


NOTHING = Committed((), ())


class Witness(Protocol):
    """Whoever looks at every commit."""

    def committed(self, what: Committed) -> None:
        """Called after each transaction that changed a page or an incident."""
        ...


class Store:
    """One run's database."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _template().backup(self.connection)
        self.sql = SqliteConnection(self.connection)
        self.transaction = SqlTransaction(self.sql)
        self.witness: Witness | None = None

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction; whatever is raised within, a crash too, leaves no trace of it."""
        self.sql.run("BEGIN IMMEDIATE")
        before = self.connection.total_changes
        try:
            result = work(self.transaction)
            what = self._changes() if self.connection.total_changes != before else NOTHING
        except BaseException:
            self.connection.rollback()
            raise
        self.sql.run("COMMIT")
        if self.witness is not None and (what.pages or what.incidents):
            self.witness.committed(what)
        return result

    def _changes(self) -> Committed:
        pages = self.sql.all("SELECT id, was, state, fence_was, fence, owner_was, owner FROM watched_pages ORDER BY n")
        incidents = self.sql.all("SELECT DISTINCT id FROM watched_incidents ORDER BY id")
        if pages:
            self.sql.run("DELETE FROM watched_pages")
        if incidents:
            self.sql.run("DELETE FROM watched_incidents")
        return Committed(tuple(PageChange(*row) for row in pages), tuple(row[0] for row in incidents))

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look at the rows, outside every transaction of the system under test."""
        return self.sql.all(statement, values)

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()


class NodeDatabase:
    """`application.ports.Database` as one node sees it.

    Args:
        store: everybody's.
        now: the virtual clock.
        reachable: raises when this node cannot reach the database.
        answered: called after a commit; raises when the node is not to hear of it.
        noticed: called after a commit that changed something.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        reachable: Callable[[], None],
        answered: Callable[[], None],
        noticed: Callable[[], None],
    ) -> None:
        self._store, self._reachable, self._answered, self._noticed = store, reachable, answered, noticed
        self.now = now

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction."""
        self._reachable()
        before = self._store.connection.total_changes
        result = self._store.transact(work)
        if self._store.connection.total_changes != before:
            self._noticed()
            self._answered()
        return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` without writing."""
        self._reachable()
        return work(self._store.transaction)

    def clock_step(self) -> timedelta:
        """Nobody sets the virtual clock."""
        return timedelta(0)

    def close(self) -> None:
        """The store outlives its nodes."""


def unreachable() -> UnavailableError:
    """What a node is told when the database does not answer."""
    return UnavailableError("The simulated database does not answer.")
