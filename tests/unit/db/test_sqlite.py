"""One writer thread with group commit: what waits together shares one COMMIT, and an answer means "on disk"."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future

import pytest

from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON
from tocsin.db.clock import SteadyClock
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.errors import UnavailableError


@pytest.fixture
def store(tmp_path):
    store = SqliteDatabase(tmp_path / "tocsin.db", HandClock(NOON))
    store.transact(lambda tx: tx.accounts._sql.run("CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB)"))
    yield store
    store.close()


@pytest.fixture
def commits(store):
    """Grows with every COMMIT of the writer."""
    seen: list[str] = []
    store._writer_connection.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


class Held:
    """Work that keeps the writer busy until it is let go."""

    def __init__(self, store):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.done: Future[None] = Future()
        store.submit(self._work, self.done)
        assert self.begun.wait(30)

    def _work(self, _tx):
        self.begun.set()
        assert self.go_on.wait(30)


def put(number, *, fails=False):
    def work(tx):
        tx.accounts.put(str(number), b"value")
        if fails:
            raise KeyError(number)
        return number

    return work


def test_what_waits_together_shares_one_commit_and_failing_work_leaves_no_trace(store, commits):
    held = Held(store)
    waiting = [Future() for _ in range(10)]
    for number, done in enumerate(waiting):
        store.submit(put(number, fails=number == 5), done)
    held.go_on.set()
    answers = [done.result() if done.exception(30) is None else "failed" for done in waiting]
    assert answers == [0, 1, 2, 3, 4, "failed", 6, 7, 8, 9]
    assert len(commits) == 2, "the one that held the writer, and all the others"
    assert store.read(lambda tx: [tx.accounts.get(str(number)) for number in (4, 5, 6)]) == [b"value", None, b"value"]


def test_nobody_is_answered_before_the_commit(store, commits):
    answered_after = []
    done: Future[int] = Future()
    done.add_done_callback(lambda _done: answered_after.append(len(commits)))
    store.submit(put(1), done)
    done.result(30)
    assert answered_after == [1]


def test_a_commit_that_fails_fails_everybody_in_it(store):
    """A trigger of ours stands for a disk that is full when the COMMIT comes."""
    store.transact(lambda tx: tx.accounts._sql.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)"))
    store.transact(
        lambda tx: tx.accounts._sql.run(
            "CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    )
    store._writer_connection.execute("PRAGMA foreign_keys = ON")
    held = Held(store)
    waiting = [Future(), Future()]
    store.submit(put(1), waiting[0])
    store.submit(lambda tx: tx.accounts._sql.run("INSERT INTO children VALUES (7)"), waiting[1])
    held.go_on.set()
    for done in waiting:
        with pytest.raises(UnavailableError, match="FOREIGN KEY constraint failed"):
            done.result(30)
    assert store.read(lambda tx: tx.accounts.get("1")) is None
    assert store.transact(put(2)) == 2


def test_the_journal_is_a_log_and_every_commit_reaches_the_disk(store):
    pragmas = {
        name: store._writer_connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


def test_readers_do_not_wait_for_the_writer(store):
    held = Held(store)
    assert store.read(lambda tx: tx.accounts.get("1")) is None
    held.go_on.set()
    held.done.result(30)


def test_a_read_sees_one_moment(store):
    def look(tx):
        before = tx.accounts.get("1")
        store.transact(put(1))
        return before, tx.accounts.get("1")

    assert store.read(look) == (None, None)
    assert store.read(lambda tx: tx.accounts.get("1")) == b"value"


def test_a_read_cannot_leave_anything_behind(store):
    store.read(put(1))
    assert store.read(lambda tx: tx.accounts.get("1")) is None


def test_what_was_handed_in_before_the_end_is_done_and_what_comes_after_is_refused(store):
    held = Held(store)
    waiting = Future()
    store.submit(put(1), waiting)
    closing = threading.Thread(target=store.close)
    closing.start()
    late = Future()
    while not store._closed:
        closing.join(0.001)
    store.submit(put(2), late)
    held.go_on.set()
    closing.join(30)
    assert waiting.result(30) == 1
    with pytest.raises(UnavailableError, match="shutting down"):
        late.result(30)


def test_the_file_is_a_database_of_its_own_when_it_is_closed(store, tmp_path):
    store.transact(put(1))
    store.close()
    with sqlite3.connect(tmp_path / "tocsin.db") as other:
        assert other.execute("SELECT name FROM settings").fetchall() == [("1",)]
    other.close()


def test_the_clock_is_the_one_that_was_handed_in():
    by_hand = SqliteDatabase(":memory:", HandClock(NOON))
    by_hand.not_before(NOON.replace(year=2099))
    assert (by_hand.now(), by_hand.clock_step().total_seconds()) == (NOON, 0)
    by_hand.close()
    steady = SqliteDatabase(":memory:", SteadyClock(lambda: 0.0, lambda: NOON))
    steady.not_before(NOON.replace(year=2099))
    assert steady.now() == NOON.replace(year=2099)
    assert steady.clock_step().days < -26000
    steady.close()
