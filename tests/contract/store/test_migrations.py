"""From nothing to the latest schema, once; a newer release's database is refused."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from reliability.waiting import wait_until
from tests.contract.store.making import START, declare
from tests.unit.application.hand_clock import HandClock
from tocsin.db import migrations, schema
from tocsin.db.postgres import PostgresDatabase
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.errors import UnavailableError

TABLES = {
    "accounts": {"settings", "procedures", "tokens", "sessions", "integrations", "overrides"},
    "incidents": {"incidents", "events", "texts"},
    "the rest": {"alerts", "pages", "callbacks", "alembic_version"},
}


@pytest.fixture
def empty(kind, request, tmp_path) -> Iterator[SqliteDatabase | PostgresDatabase]:
    """A database in which nothing has been laid out."""
    store: SqliteDatabase | PostgresDatabase
    if kind == "postgres":
        store = PostgresDatabase(request.getfixturevalue("postgres_database"), time.monotonic)
    else:
        store = SqliteDatabase(":memory:" if kind == "memory" else tmp_path / "tocsin.db", HandClock(START))
    yield store
    store.close()


def test_an_empty_database_is_laid_out_and_used(empty):
    assert empty.version() == ""
    assert empty.migrate() == ("", schema.LATEST)
    assert empty.version() == schema.LATEST
    assert empty.transact(lambda tx: declare(tx, "INC-1").id) == "INC-1"


def test_migrating_again_changes_nothing(empty):
    empty.migrate()
    empty.transact(lambda tx: declare(tx, "INC-1"))
    assert empty.migrate() == (schema.LATEST, schema.LATEST)
    assert empty.read(lambda tx: tx.incidents.count("")) == 1


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(empty):
    empty.migrate()
    empty.transact(lambda tx: tx.incidents._sql.run("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnavailableError, match=r"schema 9999.*Nothing was changed"):
        empty.migrate()
    assert empty.version() == "9999"


def test_half_a_migration_is_undone_so_that_the_next_start_can_finish_it(tmp_path):
    file = tmp_path / "tocsin.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE tokens (in_the_way int)")
    store = SqliteDatabase(file, HandClock(START))
    with pytest.raises(Exception, match="already exists"):
        store.migrate()
    store.close()
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("tokens",)]
        other.execute("DROP TABLE tokens")
    store = SqliteDatabase(file, HandClock(START))
    assert store.migrate() == ("", schema.LATEST)
    store.close()


def test_nodes_that_start_together_lay_out_one_schema(postgres_database):
    nodes = [PostgresDatabase(postgres_database, time.monotonic) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        assert [after for _before, after in threads.map(lambda node: node.migrate(), nodes)] == [schema.LATEST] * 3
    for node in nodes:
        node.close()


def test_a_migration_that_has_to_wait_for_a_table_lets_others_at_it_meanwhile(postgres_database, monkeypatch):
    """A backup reads for minutes, and whoever asks for a table after a waiting migration waits behind it."""
    monkeypatch.setattr("tocsin.db.postgres._TABLE_S", 0.3)
    node = PostgresDatabase(postgres_database, time.monotonic)
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(postgres_database))
    with engine.connect() as connection:
        schema.upgrade(connection, to="0001")
    engine.dispose()
    with psycopg.connect(postgres_database) as backup, ThreadPoolExecutor(1) as threads:
        backup.execute("SELECT count(*) FROM pages")
        migrating = threads.submit(node.migrate)
        with psycopg.connect(postgres_database, autocommit=True) as other:
            waited = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
            wait_until(lambda: other.execute(waited).fetchone() != (0,), 20, "the migration waits for the table")
            other.execute("SET statement_timeout = 5000")
            other.execute("SELECT count(*) FROM pages")
        assert not migrating.done()
        assert node.version() == "0001"
        backup.rollback()
        assert migrating.result(60) == ("0001", schema.LATEST)
    node.close()


def test_the_latest_schema_is_the_newest_file():
    folder = Path(migrations.__file__).parent / "versions"
    versions = sorted(file.name[1:5] for file in folder.glob("v[0-9]*.py"))
    assert versions[-1] == schema.LATEST
    assert versions == [f"{number:04}" for number in range(1, len(versions) + 1)]


def test_both_databases_have_the_same_tables_and_columns(laid_out_file, emptied_postgres):
    with closing(sqlite3.connect(laid_out_file)) as lite, psycopg.connect(emptied_postgres) as post:
        names = {row[0] for row in lite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        ours = {name: [row[1] for row in lite.execute(f"PRAGMA table_info({name})")] for name in names}
        theirs: dict[str, list[str]] = {}
        for table, column in post.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "ORDER BY table_name, ordinal_position"
        ):
            theirs.setdefault(table, []).append(column)
    ours.pop("sqlite_sequence", None)
    assert ours == theirs
    assert set(ours) == set().union(*TABLES.values())
