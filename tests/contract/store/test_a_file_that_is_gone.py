"""SQLite without its file: unavailable, and back by itself when the file is."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.store.making import START, declare
from tests.unit.application.hand_clock import HandClock
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.errors import UnavailableError


@pytest.fixture
def file(tmp_path, laid_out_file) -> Path:
    return Path(shutil.copy(laid_out_file, tmp_path / "tocsin.db"))


@pytest.fixture
def store(file):
    store = SqliteDatabase(file, HandClock(START))
    yield store
    store.close()


def test_a_file_in_a_folder_that_is_not_there_cannot_be_opened(tmp_path):
    with pytest.raises(UnavailableError, match=r"nowhere/tocsin.db cannot be used"):
        SqliteDatabase(tmp_path / "nowhere" / "tocsin.db", HandClock(START))


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "tocsin.db").write_text("these are no pages of a database, whatever they are\n" * 100)
    with pytest.raises(UnavailableError, match="Nothing was changed"):
        SqliteDatabase(tmp_path / "tocsin.db", HandClock(START))


def test_what_is_written_to_a_file_nobody_finds_again_is_not_promised(store, file):
    away = file.rename(file.with_name("away.db"))
    with pytest.raises(UnavailableError, match="moved, deleted or replaced"):
        store.transact(lambda tx: declare(tx, "INC-1"))
    away.rename(file)
    assert store.transact(lambda tx: declare(tx, "INC-1").id) == "INC-1"


def test_a_file_with_another_in_its_place_is_not_written_to(store, file, laid_out_file):
    file.unlink()
    shutil.copy(laid_out_file, file)
    with pytest.raises(UnavailableError, match="moved, deleted or replaced"):
        store.transact(lambda tx: declare(tx, "INC-1"))


def test_a_reader_that_cannot_open_the_file_says_so(store, file):
    folder = file.parent.rename(file.parent.with_name("away"))
    with pytest.raises(UnavailableError, match="cannot be used"):
        store.read(lambda tx: tx.incidents.count(""))
    folder.rename(file.parent)
    assert store.read(lambda tx: tx.incidents.count("")) == 0


def test_reading_makes_no_empty_file_in_the_place_of_one_that_was_moved(store, file):
    away = file.rename(file.with_name("away.db"))
    with pytest.raises(UnavailableError, match="unable to open"):
        store.read(lambda tx: tx.incidents.count(""))
    assert not file.exists()
    away.rename(file)
    assert store.read(lambda tx: tx.incidents.count("")) == 0
    assert store.transact(lambda tx: declare(tx, "INC-1").id) == "INC-1"


def test_a_reader_that_met_an_error_is_not_used_again(store):
    def broken(_tx):
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(UnavailableError, match="disk I/O error"):
        store.read(broken)
    assert store._readers.empty()
    assert store.read(lambda tx: tx.incidents.count("")) == 0
    assert not store._readers.empty()


def test_while_somebody_else_holds_the_file_it_is_unavailable_and_then_works(store, file):
    store._writer_connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked"):
            store.transact(lambda tx: declare(tx, "INC-1"))
        other.execute("ROLLBACK")
    assert store.transact(lambda tx: declare(tx, "INC-1").id) == "INC-1"


def test_tables_that_are_gone_make_it_unavailable(store):
    store.transact(lambda tx: tx.incidents._sql.run("DROP TABLE pages"))
    with pytest.raises(UnavailableError, match="no such table: pages"):
        store.transact(lambda tx: tx.pages.by_state())
    with pytest.raises(UnavailableError, match="no such table: pages"):
        store.read(lambda tx: tx.pages.by_state())


def test_a_version_that_cannot_be_read_is_not_taken_for_a_new_database(store):
    store._writer_connection.execute("PRAGMA busy_timeout = 1")
    store.transact(lambda tx: tx.incidents._sql.run("ALTER TABLE alembic_version RENAME COLUMN version_num TO other"))
    with pytest.raises(UnavailableError, match="version_num"):
        store.version()
