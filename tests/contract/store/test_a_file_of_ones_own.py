"""The database is its owner's: nobody else on the machine reads it."""

from __future__ import annotations

import os
import stat

import pytest

from tests.contract.store.making import START
from tests.unit.application.hand_clock import HandClock
from tocsin.db.sqlite import SqliteDatabase


@pytest.fixture
def open_handed():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_handed")
def test_the_file_its_log_and_its_index_are_readable_by_their_owner_alone(tmp_path):
    store = SqliteDatabase(tmp_path / "tocsin.db", HandClock(START))
    store.migrate()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    store.close()
    assert modes == {"tocsin.db": 0o600, "tocsin.db-wal": 0o600, "tocsin.db-shm": 0o600}
