"""The real store on SQLite in memory, without its writer thread: every transaction runs where it is called.

Triggers tell what each transaction did to pages and incidents, so that the promises are held against what was
really committed, not against what the code meant to do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, Protocol, TypeVar

from tests.simulation.clocks import Clock
from tests.simulation.team import VERSION
from tocsin.application.ports import Transaction
from tocsin.application.records import Integration
from tocsin.db.clock import SteadyClock
from tocsin.db.sql import marks
from tocsin.db.sqlite import SqliteConnection, SqliteDatabase
from tocsin.db.transaction import SqlTransaction
from tocsin.domain.errors import UnavailableError

T = TypeVar("T")

MONITOR = Integration("in-1", "prometheus", "key", "shop", datetime(2026, 1, 1, tzinfo=UTC))

_WATCH = """
CREATE TEMP TRIGGER watch_new_pages AFTER INSERT ON main.pages BEGIN
  SELECT watch_intent(new.id, new.incident_id, new.seq, new.round, new.level, new.person, new.channel, new.attempt,
    new.topic, new.wake_at); END;
CREATE TEMP TRIGGER watch_pages AFTER UPDATE OF state, fence, wake_at ON main.pages BEGIN
  SELECT watch_page(new.id, old.state, new.state, old.fence, new.fence, old.owner, new.owner, new.wake_at); END;
CREATE TEMP TRIGGER watch_new_incidents AFTER INSERT ON main.incidents BEGIN
  SELECT watch_incident(new.id); END;
CREATE TEMP TRIGGER watch_incidents AFTER UPDATE OF head_seq ON main.incidents BEGIN
  SELECT watch_incident(new.id); END;
"""


class _StoppedClock:
    def now(self) -> datetime:
        return MONITOR.created_at


@cache
def _template() -> sqlite3.Connection:
    """A migrated database with the team's procedures; made once in a process and copied for every run."""
    database = SqliteDatabase(":memory:", _StoppedClock())
    database.migrate()
    template = sqlite3.connect(":memory:", check_same_thread=False)
    database._writer_connection.backup(template)
    database.close()
    transaction = SqlTransaction(SqliteConnection(template))
    transaction.accounts.save_procedures(VERSION, b"{}", MONITOR.created_at)
    transaction.accounts.add_integration(MONITOR)
    template.commit()
    return template


class Intent(NamedTuple):
    """A page that was planned: its id and its key."""

    id: str
    incident_id: str
    seq: int
    round: int
    level: int
    person: str
    channel: str
    attempt: int
    topic: str
    wake_at: int | None


class PageChange(NamedTuple):
    """What a transaction did to the state, the fence or the timer of a page."""

    id: str
    was: str
    state: str
    fence_was: int
    fence: int
    owner_was: str
    owner: str
    wake_at: int | None


class Committed:
    """What one transaction left behind, in order."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.pages: list[PageChange] = []
        self.incidents: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self.intents or self.pages or self.incidents)

    def copy(self, other: Committed) -> None:
        """Become what another is now."""
        self.intents[:], self.pages[:], self.incidents = other.intents, other.pages, dict(other.incidents)

    def forget(self) -> None:
        """Begin the next transaction."""
        self.intents.clear()
        self.pages.clear()
        self.incidents.clear()


class _Listening(SqliteConnection):
    """Keeps what the triggers tell in step with the savepoints of a transaction."""

    def __init__(self, connection: sqlite3.Connection, what: Committed) -> None:
        super().__init__(connection)
        self._what, self._before = what, Committed()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """As the real one; what is undone was never told."""
        if statement == "SAVEPOINT attempt":
            self._before.copy(self._what)
        elif statement == "ROLLBACK TO attempt":
            self._what.copy(self._before)
        return super().run(statement, values)


class _Watched(NamedTuple):
    connection: sqlite3.Connection
    committed: Committed


_idle: list[_Watched] = []
"""Connections of runs that are over; wiping their rows is cheaper than reading a schema and preparing it all anew."""


def _opened() -> _Watched:
    if _idle:
        return _idle.pop()
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)
    _template().backup(connection)
    what = Committed()
    connection.create_function("watch_intent", 10, lambda *row: what.intents.append(Intent._make(row)))
    connection.create_function("watch_page", 8, lambda *row: what.pages.append(PageChange._make(row)))
    connection.create_function("watch_incident", 1, lambda name: what.incidents.update({name: None}))
    connection.executescript(_WATCH)
    return _Watched(connection, what)


@cache
def _original() -> dict[str, list[tuple[Any, ...]]]:
    """By table, the rows a run begins with."""
    template = _template()
    tables = template.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name: template.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}


def _wipe(connection: sqlite3.Connection) -> None:
    """Bring it back to what the template is."""
    connection.execute("BEGIN")
    for table, rows in _original().items():
        connection.execute(f"DELETE FROM {table}")
        if rows:
            connection.executemany(f"INSERT INTO {table} VALUES ({marks(len(rows[0]))})", rows)
    connection.execute("COMMIT")


class Witness(Protocol):
    """Whoever looks at every commit."""

    def committed(self, what: Committed) -> None:
        """Called after each transaction that changed a page or an incident."""
        ...


class Store:
    """One run's database; `results` grows with each transaction in which a page came to something."""

    def __init__(self) -> None:
        self._watched = _opened()
        self.connection = self._watched.connection
        self.sql = _Listening(self.connection, self._watched.committed)
        self.witness: Witness | None = None
        self.results = 0

    @property
    def transaction(self) -> SqlTransaction:
        """A transaction of nobody's, to look with."""
        return SqlTransaction(self.sql)

    @property
    def changes(self) -> int:
        """Grows with everything that is written."""
        return self.connection.total_changes

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction; whatever is raised within, a crash too, leaves no trace of it."""
        what = self._watched.committed
        self.sql.run("BEGIN IMMEDIATE")
        try:
            result = work(SqlTransaction(self.sql))
        except BaseException:
            self.connection.rollback()
            what.forget()
            raise
        self.sql.run("COMMIT")
        if what:
            self.results += any(page.state != page.was for page in what.pages)
            if self.witness is not None:
                self.witness.committed(what)
            what.forget()
        return result

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look at the rows, outside every transaction of the system under test."""
        return self.sql.all(statement, values)

    def close(self) -> None:
        """Let go of it."""
        _wipe(self.connection)
        self._watched.committed.forget()
        _idle.append(self._watched)


class NodeDatabase:
    """`application.ports.Database` as one node sees it.

    Args:
        store: everybody's.
        clock: this node's.
        reachable: raises when this node cannot reach the database.
        answered: called after a commit; raises when the node is not to hear of it.
        noticed: called after a commit that changed something.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        reachable: Callable[[], None],
        answered: Callable[[], None],
        noticed: Callable[[], None],
    ) -> None:
        self._store, self._reachable, self._answered, self._noticed = store, reachable, answered, noticed
        self._clock, self.now = clock, clock.now

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction."""
        self._reachable()
        before = self._store.changes
        result = self._store.transact(work)
        if self._store.changes != before:
            self._noticed()
            self._answered()
        return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` without writing."""
        self._reachable()
        return work(self._store.transaction)

    def clock_step(self) -> timedelta:
        """How far the machine's own clock is from it."""
        return self._clock.step() if isinstance(self._clock, SteadyClock) else timedelta(0)

    def close(self) -> None:
        """The store outlives its nodes."""


def unreachable() -> UnavailableError:
    """What a node is told when the database does not answer."""
    return UnavailableError("The simulated database does not answer.")
