"""A part of a transaction that goes wrong leaves no trace, and the rest goes on."""

from __future__ import annotations

import shutil

import pytest

from tests.contract.store.making import START, declare, later, note, page
from tests.contract.store.reaching import spoil
from tests.unit.application.hand_clock import HandClock
from tocsin.application.views import verify
from tocsin.db.sql import LostRaceError
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.errors import NotAllowedNowError, UnavailableError


def same_number_again(tx):
    """A statement the database refuses, as it does when a state is behind its log."""
    tx.incidents._sql.run("INSERT INTO events (incident_id, seq, body, hash) VALUES ('INC-1', 1, ?, ?)", (b"", b""))


def broken_rule(_tx):
    raise NotAllowedNowError("not now")


@pytest.mark.parametrize("goes_wrong", [same_number_again, broken_rule])
def test_what_goes_wrong_leaves_no_trace_and_the_rest_is_kept(database, goes_wrong):
    def work(tx):
        incident = declare(tx, "INC-1")

        def part():
            note(tx, incident, "lost", later(1))
            tx.pages.plan([page("lost")])
            goes_wrong(tx)

        problem = tx.attempt(part)
        note(tx, incident, "kept", later(2))
        tx.pages.plan([page("kept")])
        return problem

    assert database.transact(work) is not None
    assert database.read(lambda tx: (tx.pages.get("pg-lost"), tx.pages.get("pg-kept") is None)) == (None, False)
    chain = database.read(lambda tx: (tx.incidents.timeline("INC-1", 0, 99), tx.incidents.head("INC-1")))
    assert verify(*chain, "INC-1") == []


def test_what_goes_well_is_kept(database):
    def work(tx):
        return tx.attempt(lambda: tx.accounts.put("name", b"value"))

    assert database.transact(work) is None
    assert database.read(lambda tx: tx.accounts.get("name")) == b"value"


def test_an_attempt_within_an_attempt_fails_alone(database):
    def inner(tx):
        tx.accounts.put("inner", b"")
        raise KeyError

    def outer(tx):
        tx.accounts.put("outer", b"")
        assert tx.attempt(lambda: inner(tx)) is not None

    assert database.transact(lambda tx: tx.attempt(lambda: outer(tx))) is None
    assert database.read(lambda tx: (tx.accounts.get("outer"), tx.accounts.get("inner"))) == (b"", None)


def test_when_another_node_was_quicker_the_whole_transaction_is_run_again(postgres):
    tries = []

    def lose(tx):
        tries.append(tx)
        if len(tries) == 1:
            raise LostRaceError
        tx.accounts.put("name", b"value")

    assert postgres.transact(lambda tx: tx.attempt(lambda: lose(tx))) is None
    assert len(tries) == 2


def test_a_file_whose_tables_are_gone_ends_the_transaction(laid_out_file, tmp_path):
    """What is wrong with the database itself is not blamed on one incident."""
    store = SqliteDatabase(shutil.copy(laid_out_file, tmp_path / "tocsin.db"), HandClock(START))
    spoil(store, "DROP TABLE pages")
    with pytest.raises(UnavailableError, match="no such table: pages"):
        store.transact(lambda tx: tx.attempt(lambda: tx.pages.plan([page(1)])))
    store.close()


@pytest.fixture
def postgres(node):
    return node()
