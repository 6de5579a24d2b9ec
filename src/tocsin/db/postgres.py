"""PostgreSQL: many nodes, row locks; nobody is notified of work, every node looks (docs/adr/0006-look-every-second.md).

Work that another node came in the way of is run again: serialization failures (40001), deadlocks (40P01), a row under
the same key (23505). A lost connection becomes `UnavailableError`, a row that another holds for long `HeldError`:
nobody waits for ever, neither for a peer that was frozen in the middle of a transaction nor for a server that was.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import ConnectionPool, PoolTimeout

from tocsin.application.ports import Transaction
from tocsin.db import schema
from tocsin.db.clock import STEP
from tocsin.db.overdue import Overdue
from tocsin.db.sql import LostRaceError, Row, percent
from tocsin.db.transaction import SqlTransaction
from tocsin.domain.errors import HeldError, InvalidError, UnavailableError

if TYPE_CHECKING:
    import sqlalchemy as sa

T = TypeVar("T")
_TRIES = 25
_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.05
_WAIT_S = 5.0
_WAIT_WHILE_GONE_S = 0.5
"""Once it is known to be gone, a sender gets its 503 well before it stops listening."""
_CLOCK_EVERY_S = 10.0
_CLOCK_AGAIN_S = 1.0
_LONGEST_S = 8.0
"""For a whole transaction; then its connection is cut, so that a sender has its 503 within ten seconds."""
_SESSION = "SET lock_timeout = 2000; SET statement_timeout = 6000; SET idle_in_transaction_session_timeout = 10000"
"""Milliseconds: for a row somebody else holds, for one statement, until the server lets go of a frozen node's rows."""
_HELD_S = 10.0
_WAIT_WHILE_HELD = "SET LOCAL lock_timeout = 100"
"""Once a row is known to be held, nobody waits long for it, lest what needs other rows wait too."""
_TABLE_S = 1.0
"""How long a migration waits for a table: whatever wants that table later waits behind it."""
_TABLE_TRIES = 20
_NETWORK = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
}
_OUT_OF_REACH = (psycopg.OperationalError, psycopg.InterfaceError, pg.IdleInTransactionSessionTimeout, PoolTimeout)
_QUICKER = (LostRaceError, pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation)


class PostgresConnection:
    """`db.sql.Sql` on one psycopg connection."""

    lock = " FOR UPDATE"
    skip = " FOR UPDATE SKIP LOCKED"
    ends_all: tuple[type[Exception], ...] = (
        LostRaceError,
        pg.SerializationFailure,
        pg.DeadlockDetected,
        psycopg.InterfaceError,
    )
    held: tuple[type[Exception], ...] = (pg.LockNotAvailable,)

    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = connection.cursor()

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._cursor.execute(percent(statement), values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._cursor.execute(percent(statement), values).rowcount

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        self._cursor.executemany(percent(statement), rows)
        return self._cursor.rowcount


class ReadOnlyConnection(PostgresConnection):
    """The same without row locks, which a read-only transaction may not take."""

    lock = ""
    skip = ""


def _unfit(error: psycopg.DataError) -> InvalidError:
    return InvalidError(
        f"The database cannot keep this: {str(error).strip().partition(chr(10))[0]}. Nothing was changed."
    )


def _configure(connection: psycopg.Connection) -> None:
    connection.execute(_SESSION)
    connection.commit()


class PostgresDatabase:
    """`application.ports.Database` on PostgreSQL.

    Args:
        url: a libpq URL or connection string.
        steady: seconds on a clock that never jumps, for the time between looks at the server's clock.
    """

    def __init__(self, url: str, steady: Callable[[], float]) -> None:
        self._url = url
        self._steady = steady
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=16,
            timeout=_WAIT_S,
            open=True,
            kwargs=_NETWORK,
            configure=_configure,
            reconnect_timeout=3,
        )
        self._overdue = Overdue(_LONGEST_S)
        self._gone = False
        self._held_until = 0.0
        self._mine = threading.local()
        self._looked: tuple[float, datetime] | None = None
        self._look_at = 0.0
        self._step = timedelta(0)
        self._last = datetime.fromtimestamp(0, UTC)
        self._telling = threading.Lock()

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction; again when another node was quicker."""
        for tries in range(_TRIES):
            try:
                with self._connected() as connection:
                    if self._steady() < self._held_until:
                        connection.execute(_WAIT_WHILE_HELD)
                    return work(SqlTransaction(PostgresConnection(connection)))
            except pg.LockNotAvailable as error:
                self._held_until = self._steady() + _HELD_S
                raise HeldError(
                    "Another session of PostgreSQL holds rows this needs and does not let go of them. "
                    "Nothing was changed; trying again is right."
                ) from error
            except _QUICKER:
                # Those who met once shall not meet again: each waits a different while.
                time.sleep(random.uniform(0, min(_PAUSE_S * tries, _LONGEST_PAUSE_S)))  # noqa: S311 - no secret
            except _OUT_OF_REACH as error:
                raise self._unavailable(error) from error
            except psycopg.DataError as error:
                raise _unfit(error) from error
        raise HeldError("The database refused the same transaction again and again; nothing was changed.")

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a read-only transaction."""
        try:
            with self._connected() as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return work(SqlTransaction(ReadOnlyConnection(connection)))
        except _OUT_OF_REACH as error:
            raise self._unavailable(error) from error
        except psycopg.DataError as error:
            raise _unfit(error) from error

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """A connection for one transaction, known to this thread, so that nobody waits for a second one meanwhile."""
        connection = self._pool.getconn(_WAIT_WHILE_GONE_S if self._gone else _WAIT_S)
        try:
            self._mine.connection = connection
            with self._overdue.watching(connection), connection:
                yield connection
            self._gone = False
        except psycopg.OperationalError:
            if connection.broken:  # the server went away under all of them
                self._pool.drain()
            raise
        finally:
            self._mine.connection = None
            self._pool.putconn(connection)

    def _unavailable(self, error: Exception) -> UnavailableError:
        self._gone = True
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return UnavailableError(f"PostgreSQL cannot be reached: {reason}. Nothing was changed; trying again is right.")

    def now(self) -> datetime:
        """The server's clock, looked at every ten seconds and carried on by a steady one between; never set back."""
        if self._looked is None or self._steady() >= self._look_at:
            self._look_at = self._steady() + _CLOCK_AGAIN_S  # others go on meanwhile, and while it is out of reach
            try:
                self._looked = self._carried_on(self._look())
                self._look_at = self._looked[0] + _CLOCK_EVERY_S
            except _OUT_OF_REACH as error:
                if self._looked is None or self._busy() is not None:
                    raise self._unavailable(error) from error
        looked_at, server_at = self._looked
        with self._telling:
            self._last = max(self._last, server_at + timedelta(seconds=self._steady() - looked_at))
            return self._last

    def _carried_on(self, told: tuple[float, datetime]) -> tuple[float, datetime]:
        """What the server told, unless its clock was set back: a ladder must not wait because somebody set the time."""
        looked_at, server_at = told
        if self._looked is None:
            self._step = timedelta(0)
            return told
        then, was = self._looked
        ours = was + timedelta(seconds=looked_at - then)
        self._step = min(server_at - ours, timedelta(0))
        return (looked_at, ours) if self._step < -STEP else told

    def _look(self) -> tuple[float, datetime]:
        """Our steady clock and the server's, at one moment; by this thread's own connection when it has one."""
        mine = self._busy()
        if mine is None:
            with self._connected() as connection:
                return self._told(connection)
        return self._told(mine)

    def _told(self, connection: psycopg.Connection) -> tuple[float, datetime]:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None, "SELECT without FROM gives a row"
        return self._steady(), row[0].astimezone(UTC)

    def _busy(self) -> psycopg.Connection | None:
        """The connection of the transaction this thread is in."""
        return getattr(self._mine, "connection", None)

    def clock_step(self) -> timedelta:
        """How far the server's clock was set back from ours; forwards it is followed. This machine's never counts."""
        return self._step if self._step < -STEP else timedelta(0)

    def not_before(self, floor: datetime) -> None:
        """Let the clock start no earlier than the newest event: a standby's may be behind."""
        if floor - self.now() > STEP:  # the server's was set back while no node ran
            self._looked = (self._steady(), floor)
        with self._telling:
            self._last = max(self._last, floor)

    def migrate(self) -> tuple[str, str]:
        """Bring the database to the latest schema under a lock; versions before and after.

        Raises:
            UnavailableError: a newer release wrote it, or it is out of reach.
        """
        before = self.version()
        schema.require_known(before)
        if before != schema.LATEST:
            import sqlalchemy as sa

            engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(self._url))
            with engine.connect() as connection:
                connection.execute(sa.text("SELECT pg_advisory_lock(7461636)"))
                connection.execute(sa.text(f"SET lock_timeout = {int(_TABLE_S * 1000)}"))
                connection.commit()
                _upgrade(connection)
            engine.dispose()
        return before, self.version()

    def version(self) -> str:
        """The schema the database has; empty for a new one."""
        try:
            with self._connected() as connection:
                row = connection.execute(percent(schema.VERSION_QUERY)).fetchone()
        except pg.UndefinedTable:
            return ""
        except _OUT_OF_REACH as error:
            raise self._unavailable(error) from error
        return str(row[0]) if row else ""

    def close(self) -> None:
        """Let go of connections."""
        self._pool.close()
        self._overdue.end()


def _upgrade(connection: sa.Connection) -> None:
    """Bring the schema forward beside nodes that work and a backup that reads: never let them wait for long.

    Raises:
        UnavailableError: somebody goes on using a table; nothing was changed.
    """
    from sqlalchemy.exc import OperationalError

    for _ in range(_TABLE_TRIES):
        try:
            schema.upgrade(connection)
        except OperationalError as error:
            if not isinstance(error.orig, pg.LockNotAvailable | pg.DeadlockDetected):
                raise
            connection.rollback()
            time.sleep(2 * _TABLE_S)
        else:
            return
    raise UnavailableError(
        "A table that has to change is in use all the time, perhaps by a backup; nothing was changed. "
        "Start again when that has ended."
    )
