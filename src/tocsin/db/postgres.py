"""PostgreSQL: many nodes, row locks, LISTEN/NOTIFY as a hint only.

Serialization failures (40001) and deadlocks (40P01) are retried; a lost connection becomes `UnavailableError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import ConnectionPool, PoolTimeout

from tocsin.application.ports import Transaction
from tocsin.db import schema
from tocsin.db.sql import Row, percent
from tocsin.db.transaction import SqlTransaction
from tocsin.domain.errors import UnavailableError

T = TypeVar("T")
_TRIES = 8
_CLOCK_EVERY = timedelta(seconds=10)


class PostgresConnection:
    """`db.sql.Sql` on one psycopg connection."""

    lock = " FOR UPDATE"
    skip = " FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = connection.cursor()

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._cursor.execute(percent(statement), values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._cursor.execute(percent(statement), values).rowcount

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._cursor.executemany(percent(statement), rows)


class ReadOnlyConnection(PostgresConnection):
    """The same without row locks, which a read-only transaction may not take."""

    lock = ""
    skip = ""


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
            url, min_size=1, max_size=16, timeout=5, open=True, kwargs={"connect_timeout": 3}, reconnect_timeout=3
        )
        self._looked: tuple[float, datetime] | None = None
        self._last = datetime.fromtimestamp(0, UTC)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction; again when another node was quicker (40001, 40P01, 23505)."""
        for _ in range(_TRIES):
            try:
                with self._pool.connection() as connection:
                    return work(SqlTransaction(PostgresConnection(connection)))
            except (pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation):
                continue
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                raise self._unavailable(error) from error
        raise UnavailableError("The database refused the same transaction again and again; nothing was changed.")

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a read-only transaction."""
        try:
            with self._pool.connection() as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return work(SqlTransaction(ReadOnlyConnection(connection)))
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> UnavailableError:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return UnavailableError(f"PostgreSQL cannot be reached: {reason}. Nothing was changed; trying again is right.")

    def now(self) -> datetime:
        """The server's clock, looked at every ten seconds and carried on by a steady one between."""
        steady = self._steady()
        if self._looked is None or steady - self._looked[0] > _CLOCK_EVERY.total_seconds():
            try:
                with self._pool.connection() as connection:
                    row = connection.execute("SELECT clock_timestamp()").fetchone()
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                if self._looked is None:
                    raise self._unavailable(error) from error
            else:
                assert row is not None, "SELECT without FROM gives a row"
                self._looked = (self._steady(), row[0].astimezone(UTC))
        assert self._looked is not None
        looked_at, server_at = self._looked
        self._last = max(self._last, server_at + timedelta(seconds=self._steady() - looked_at))
        return self._last

    def not_before(self, floor: datetime) -> None:
        """Let the clock start no earlier than the newest event: a standby's may be behind."""
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
                connection.commit()
                schema.upgrade(connection)
            engine.dispose()
        return before, self.version()

    def version(self) -> str:
        """The schema the database has; empty for a new one."""
        try:
            with self._pool.connection() as connection:
                row = connection.execute(percent(schema.VERSION_QUERY)).fetchone()
        except pg.UndefinedTable:
            return ""
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise self._unavailable(error) from error
        return str(row[0]) if row else ""

    def close(self) -> None:
        """Let go of connections."""
        self._pool.close()
