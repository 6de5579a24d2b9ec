"""SQLite: one writer thread with group commit, many readers.

Every piece of work is a SAVEPOINT of the writer's transaction; everything that waits when the writer comes round shares
one COMMIT (WAL, synchronous=FULL), so an answer means "on disk" and costs a fraction of an fsync.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tocsin.application.ports import Clock, Transaction
from tocsin.db import schema
from tocsin.db.clock import SteadyClock
from tocsin.db.sql import Row
from tocsin.db.transaction import SqlTransaction
from tocsin.domain.errors import TocsinError, UnavailableError

T = TypeVar("T")
_BATCH = 256
_Job = tuple[Callable[[Transaction], Any], "Future[Any]"]


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")


class SqliteConnection:
    """`db.sql.Sql` on one sqlite3 connection; SQLite locks the whole database, so rows need no lock of their own."""

    lock = ""
    skip = ""
    ends_all: tuple[type[Exception], ...] = (sqlite3.OperationalError,)
    held: tuple[type[Exception], ...] = ()

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self.connection.execute(statement, values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self.connection.execute(statement, values).rowcount

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        return self.connection.executemany(statement, rows).rowcount


class SqliteDatabase:
    """`application.ports.Database` in one file, or in memory when the path is ":memory:".

    Args:
        path: the file; its folder exists.
        clock: the one all its users share.
    """

    def __init__(self, path: Path | str, clock: Clock) -> None:
        self._path = str(path)
        self.clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._closed = False
        self._gate = threading.Lock()
        self._address = self._path
        if self._path != ":memory:":
            with suppress(OSError):  # SQLite then says better what is wrong; its log and index get the file's own mode
                Path(self._path).touch(mode=0o600)
            # From here on nothing makes the file anew: a reader must not put an empty one where ours was moved away.
            self._address = f"{Path(self._path).absolute().as_uri()}?mode=rw"
        self._writer_connection = self._connect()
        self._file = self._identity()
        self._writer = threading.Thread(target=self._write, name="tocsin-writer", daemon=True)
        self._writer.start()

    def now(self) -> datetime:
        """The present instant by the clock all users of this database share."""
        return self.clock.now()

    def clock_step(self) -> timedelta:
        """How far the system's clock was set away from ours."""
        return self.clock.step() if isinstance(self.clock, SteadyClock) else timedelta(0)

    def not_before(self, floor: datetime) -> None:
        """Let the clock start no earlier than the newest event."""
        if isinstance(self.clock, SteadyClock):
            self.clock.not_before(floor)

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._address,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                uri=self._address != self._path,
            )
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        # A text that is no UTF-8 would otherwise make every statement fail whose answer it is in.
        connection.text_factory = _text
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.execute("PRAGMA cache_size = -32000")
            # Else what a savepoint may have to undo goes through a file of its own, made and removed at every commit.
            connection.execute("PRAGMA temp_store = MEMORY")
            # 64 MB. What is copied back is copied at a commit, once for however often it was written; read again after
            # a crash, as much takes 0.07 s.
            connection.execute("PRAGMA wal_autocheckpoint = 16000")
        except sqlite3.Error as error:
            connection.close()
            raise self._unavailable(error) from error
        return connection

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode of the file; None for a database in memory, or when there is no file any more."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - at every commit, and a Path costs as much again
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _require_file(self) -> None:
        """A file that was moved or deleted can still be written to, and nobody would ever find that again."""
        if self._identity() != self._file:
            raise sqlite3.OperationalError("the file was moved, deleted or replaced; put it back or start again")

    def _unavailable(self, error: sqlite3.Error) -> UnavailableError:
        return UnavailableError(f"The database {self._path} cannot be used: {error}. Nothing was changed.")

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in the writer thread; returns after the COMMIT that contains it."""
        done: Future[T] = Future()
        self.submit(work, done)
        return done.result()

    def submit(self, work: Callable[[Transaction], T], done: Future[T]) -> None:
        """Queue `work`; `done` gets its result after the COMMIT that contains it."""
        with self._gate:
            if not self._closed:
                self._jobs.put((work, done))
                return
        done.set_exception(UnavailableError("The database is closed; the process is shutting down."))

    def _write(self) -> None:
        """The writer's life: take everything that waits, run it, commit once, then answer."""
        sql = SqliteConnection(self._writer_connection)
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < _BATCH and not self._jobs.empty():
                another = self._jobs.get()
                if another is None:
                    last = True
                    break
                batch.append(another)
            self._commit(sql, batch)
            if last:
                break
        self._writer_connection.close()

    def _commit(self, sql: SqliteConnection, batch: list[_Job]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._require_file()
            sql.run("BEGIN IMMEDIATE")
            for work, done in batch:
                answers.append((done, *self._one(sql, work)))
            sql.run("COMMIT")
        except sqlite3.Error as error:
            if self._writer_connection.in_transaction:
                self._writer_connection.rollback()
            failure = self._unavailable(error)
            for _work, done in batch:
                done.set_exception(failure)
            return
        for done, result, problem in answers:
            if problem is None:
                done.set_result(result)
            else:
                done.set_exception(problem)

    def _one(self, sql: SqliteConnection, work: Callable[[Transaction], Any]) -> tuple[Any, BaseException | None]:
        """One piece of work between a savepoint and its release; a failing one leaves no trace and hurts no other."""
        sql.run("SAVEPOINT work")
        try:
            result = work(SqlTransaction(sql))
        except BaseException as problem:  # noqa: BLE001 - handed to whoever waits for this work, with its traceback
            sql.run("ROLLBACK TO work")
            sql.run("RELEASE work")
            is_fault = isinstance(problem, sqlite3.Error) and not isinstance(problem, sqlite3.IntegrityError)
            if is_fault and not isinstance(problem, TocsinError):
                return None, self._unavailable(problem)  # type: ignore[arg-type]
            return None, problem
        sql.run("RELEASE work")
        return result, None

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot of its own; readers never wait for the writer."""
        if self._path == ":memory:":
            return self.transact(work)
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = self._connect()
        sound = True
        try:
            connection.execute("BEGIN")
            try:
                return work(SqlTransaction(SqliteConnection(connection)))
            finally:
                connection.rollback()
        except sqlite3.Error as error:
            sound = False  # it may hold on to a file that is gone
            raise self._unavailable(error) from error
        finally:
            if sound:
                self._readers.put(connection)
            else:
                connection.close()

    def migrate(self) -> tuple[str, str]:
        """Bring the file to the latest schema; versions before and after.

        Raises:
            UnavailableError: a newer release wrote it.
        """
        before = self.version()
        schema.require_known(before)
        if before != schema.LATEST:
            import sqlalchemy as sa

            engine = sa.create_engine("sqlite://", creator=lambda: self._writer_connection, poolclass=sa.StaticPool)
            # The driver begins nothing by itself, and half a migration would never be finished by the next start.
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
            with engine.connect() as connection:
                schema.upgrade(connection)
        return before, self.version()

    def version(self) -> str:
        """The schema the file has; empty for a new one."""
        try:
            rows = self._writer_connection.execute(schema.VERSION_QUERY).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return ""
            raise self._unavailable(error) from error
        return str(rows[0][0]) if rows else ""

    def close(self) -> None:
        """Finish what waits, then let go."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._writer.join()
        while not self._readers.empty():
            self._readers.get().close()
