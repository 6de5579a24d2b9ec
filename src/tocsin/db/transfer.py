"""Backups: one SQLite file of the same schema, whichever database it came from or goes to.

Both databases hold the same tables with nothing but integers, texts and bytes in them, so a backup of one can be
restored into the other; that is also the way from one machine to several.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.db import schema
from tocsin.db.clock import SteadyClock
from tocsin.db.codec import GENESIS, link_hash
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.errors import InvalidError, NotAllowedNowError, UnavailableError

if TYPE_CHECKING:
    import psycopg

_AT_ONCE = 1000
_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds.

    Args:
        schema: version of its layout.
        incidents: how many.
        events: how many, over all incidents.
        heads: SHA-256 of every incident's id and the number and hash of its newest link, hexadecimal; kept elsewhere,
            it shows that a backup was rewritten.
        unproven: incidents whose links do not follow from one another up to the head.
    """

    schema: str
    incidents: int
    events: int
    heads: str
    unproven: tuple[str, ...]


def save_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database that may be in use.

    Args:
        source: the database.
        target: an empty file, or none.

    Raises:
        UnavailableError: the copy failed; the database is untouched.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            _plain(target) as copy,
        ):
            reading.backup(copy)
    except sqlite3.Error as error:
        raise UnavailableError(f"The database {source} could not be copied: {error}. It is untouched.") from error


def save_postgres(url: str, target: Path) -> None:
    """Copy a PostgreSQL database, as of one instant, while nodes go on.

    Args:
        url: libpq URL.
        target: an empty file, or none.

    Raises:
        UnavailableError: it cannot be reached, or has another schema than this release.
    """
    lay_out(target)
    with _postgres(url) as source, _plain(target) as copy:
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _require_schema(source)
        for table, columns in _tables(copy).items():
            marks = ", ".join("?" * len(columns))
            with source.cursor(name="backup") as cursor:
                cursor.itersize = _AT_ONCE
                cursor.execute(f"SELECT {', '.join(columns)} FROM {table}".encode())
                while rows := cursor.fetchmany(_AT_ONCE):
                    copy.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def examine(file: Path) -> Contents:
    """Look at a backup and prove that it is whole.

    Raises:
        InvalidError: it is no backup, or damaged.
        UnavailableError: a newer release wrote it.
    """
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(_MAGIC))
        if begins != _MAGIC:
            raise InvalidError(f"{file} is not a backup that Tocsin wrote; nothing was changed.")
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as reading:
            [[state], *_] = reading.execute("PRAGMA integrity_check(1)").fetchall()
            if state != "ok":
                raise InvalidError(f"The backup {file} is damaged ({state}); nothing was changed.")
            [[version]] = reading.execute(schema.VERSION_QUERY).fetchall()
            schema.require_known(version)
            [[incidents]] = reading.execute("SELECT count(*) FROM incidents").fetchall()
            [[events]] = reading.execute("SELECT count(*) FROM events").fetchall()
            heads, unproven = _chains(reading)
    except OSError as error:
        raise InvalidError(f"{file} cannot be read: {error.strerror}. Nothing was changed.") from error
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise InvalidError(f"{file} is not a backup that Tocsin wrote ({error}); nothing was changed.") from error
    return Contents(str(version), int(incidents), int(events), heads, unproven)


def _chains(reading: sqlite3.Connection) -> tuple[str, tuple[str, ...]]:
    """`Contents.heads` and `Contents.unproven`, from one pass over all links."""
    ends: dict[str, tuple[int, bytes]] = {}
    broken: set[str] = set()
    for incident, seq, body, link in reading.execute(
        "SELECT incident_id, seq, body, hash FROM events ORDER BY incident_id, seq"
    ):
        number, before = ends.get(incident, (0, GENESIS))
        if (seq, bytes(link)) != (number + 1, link_hash(before, bytes(body))):
            broken.add(incident)
        ends[incident] = (seq, bytes(link))
    digest = hashlib.sha256()
    for incident, seq, head in reading.execute("SELECT id, head_seq, head_hash FROM incidents ORDER BY id"):
        digest.update(f"{incident} {seq} {bytes(head).hex()}\n".encode())
        if ends.pop(incident, None) != (seq, bytes(head)):
            broken.add(incident)
    return digest.hexdigest(), tuple(sorted(broken | set(ends)))


def restore_sqlite(file: Path, target: Path, keep: Path) -> None:
    """Put a backup in the place of a database nobody uses; the caller holds the home's lock.

    Args:
        file: a backup that `examine` let pass.
        target: the database.
        keep: where the present database goes, if there is one.
    """
    fresh = target.with_name(f"{target.name}.restoring")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    save_sqlite(file, fresh)
    if target.exists():
        # Its log goes back into it first: a log left beside another database would be taken for that one's.
        with closing(sqlite3.connect(target)) as present:
            present.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            present.execute("PRAGMA journal_mode = DELETE")
        target.replace(keep)
    fresh.replace(target)


def restore_postgres(file: Path, url: str, scratch: Path) -> None:
    """Put a backup in the place of a PostgreSQL database's contents, in one transaction.

    Args:
        file: a backup that `examine` let pass.
        url: libpq URL of a database with this release's schema.
        scratch: a path for a working copy, which is brought to this release's schema; removed afterwards.

    Raises:
        NotAllowedNowError: somebody else is connected; every node has to be stopped.
        UnavailableError: the database cannot be reached; nothing was changed.
    """
    try:
        save_sqlite(file, scratch)
        lay_out(scratch)
        with closing(sqlite3.connect(scratch)) as copy, _postgres(url) as target:
            _refuse_company(target)
            _require_schema(target)
            for table, columns in _tables(copy).items():
                names = ", ".join(columns)
                target.execute(f"TRUNCATE {table}".encode())
                with target.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as stream:
                    for row in copy.execute(f"SELECT {names} FROM {table}"):
                        stream.write_row(row)
            target.execute("SELECT setval(pg_get_serial_sequence('alerts', 'id'), max(id)) FROM alerts")
            target.execute("ANALYZE")  # by itself the server would do so a minute later, and be slow until then
    finally:
        scratch.unlink(missing_ok=True)


def lay_out(file: Path) -> None:
    """Bring a SQLite file to this release's schema; an empty one gets its tables."""
    database = SqliteDatabase(file, SteadyClock())
    try:
        database.migrate()
    finally:
        database.close()


@contextmanager
def _plain(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that is one file only when it is closed: no log is left beside it."""
    with closing(sqlite3.connect(file)) as connection:
        yield connection
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")


def _tables(file: sqlite3.Connection) -> dict[str, list[str]]:
    names = file.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    )
    return {
        name: [column[1] for column in file.execute(f"PRAGMA table_info({name})")]
        for (name,) in names.fetchall()
        if name != "alembic_version"
    }


@contextmanager
def _postgres(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    import psycopg

    try:
        with psycopg.connect(url) as connection:
            yield connection
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UnavailableError(f"PostgreSQL cannot be reached: {reason}. Nothing was changed.") from error


def _refuse_company(target: psycopg.Connection[tuple[Any, ...]]) -> None:
    row = target.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    if row is not None and row[0]:
        raise NotAllowedNowError(
            f"{row[0]} other connections use the database, so nothing was changed. Stop every node first."
        )


def _require_schema(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    row = connection.execute(schema.VERSION_QUERY.encode()).fetchone()
    if row is None or row[0] != schema.LATEST:
        raise UnavailableError(
            f"The database has another schema than this release ({schema.LATEST}); run 'tocsin migrate' first."
        )
