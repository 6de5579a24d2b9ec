"""The watcher outlives whatever somebody writes into the directory."""

from __future__ import annotations

import sqlite3
import time

import pytest

from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, World, in_memory, laid_out
from tocsin import watching
from tocsin.watching import Watcher


@pytest.fixture
def world(tmp_path):
    template: sqlite3.Connection = laid_out(tmp_path)
    store = in_memory(template, HandClock(NOON))
    yield World(store, store.clock)
    store.close()
    template.close()


def eventually(is_so):
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.01)


def test_an_unforeseen_error_is_a_fault_and_goes_away_with_its_cause(world, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(watching, "LOOK_EVERY_S", 0.01)
    looked, inner = [], world.database.read

    def read(work):
        looked.append(work)
        if len(looked) < 5:
            raise RecursionError("too deep")
        return inner(work)

    world.database.read = read
    folder = tmp_path / "procedures"
    folder.mkdir()
    (folder / "site.yaml").write_text("nonsense: [")
    watcher = Watcher(world.app, folder)
    assert not watcher.is_alive
    watcher.start()
    eventually(lambda: any("RecursionError" in fault for fault in watcher.faults))
    eventually(lambda: any("site.yaml" in fault for fault in watcher.faults))
    assert watcher.is_alive
    watcher.stop()
    assert caplog.text.count("The procedures cannot be watched") == 1
    assert not watcher.is_alive


def test_the_directory_that_is_in_force_has_no_faults(world, tmp_path):
    watcher = Watcher(world.app, tmp_path / "none")
    world.database.transact(
        lambda tx: tx.accounts.put(watching._SEEN, f'{{"appearance": "{watcher._appearance()}"}}'.encode())
    )
    watcher._judged, watcher.faults = "another", ("an old fault",)
    watcher.look()
    assert watcher.faults == ()
