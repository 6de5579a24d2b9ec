"""The same store three times: SQLite in memory, SQLite in a file, and a real PostgreSQL."""

from __future__ import annotations

import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.contract.store.making import START
from tests.unit.application.hand_clock import HandClock
from tocsin.db.clock import SteadyClock
from tocsin.db.postgres import PostgresDatabase
from tocsin.db.sqlite import SqliteDatabase

Store = SqliteDatabase | PostgresDatabase


@pytest.fixture(scope="session")
def laid_out_file(tmp_path_factory) -> Path:
    """An empty SQLite database of the latest schema, to be copied."""
    file = tmp_path_factory.mktemp("laid-out") / "tocsin.db"
    database = SqliteDatabase(file, SteadyClock())
    database.migrate()
    database.close()
    return file


@pytest.fixture(scope="session")
def laid_out_postgres(postgres_url) -> Iterator[str]:
    """A PostgreSQL database of the latest schema, emptied for every test."""
    name = f"tocsin_contract_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        database = PostgresDatabase(url, time.monotonic)
        database.migrate()
        database.close()
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def emptied_postgres(laid_out_postgres) -> str:
    """The URL of a laid-out PostgreSQL database with nothing in it."""
    with psycopg.connect(laid_out_postgres, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        connection.execute(f"TRUNCATE {', '.join(name for (name,) in rows)} RESTART IDENTITY".encode())
    return laid_out_postgres


@pytest.fixture(params=["memory", "file", "postgres"])
def kind(request) -> str:
    """Which store; every test that asks for `database` runs on each."""
    return request.param


@pytest.fixture
def database(kind, request, tmp_path, laid_out_file) -> Iterator[Store]:
    """An empty store of the latest schema."""
    store: Store
    if kind == "memory":
        store = SqliteDatabase(":memory:", HandClock(START))
        with closing(sqlite3.connect(laid_out_file)) as template:
            template.backup(store._writer_connection)
    elif kind == "file":
        shutil.copy(laid_out_file, tmp_path / "tocsin.db")
        store = SqliteDatabase(tmp_path / "tocsin.db", HandClock(START))
    else:
        store = PostgresDatabase(request.getfixturevalue("emptied_postgres"), time.monotonic)
    yield store
    store.close()


@pytest.fixture
def node(emptied_postgres) -> Iterator[Callable[[], PostgresDatabase]]:
    """`node()` is one more node on the same PostgreSQL."""
    nodes: list[PostgresDatabase] = []

    def another() -> PostgresDatabase:
        nodes.append(PostgresDatabase(emptied_postgres, time.monotonic))
        return nodes[-1]

    yield another
    for each in nodes:
        each.close()
