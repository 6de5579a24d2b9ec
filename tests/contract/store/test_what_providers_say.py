"""Receipts that are owed and that came, and which calls of providers were heard already."""

from __future__ import annotations

import pytest

from tests.contract.store.making import START, declare, later, page, settled
from tests.contract.store.reaching import spoil
from tocsin.application.records import Lease, PageState
from tocsin.domain.incident import FOLD_VERSION
from tocsin.domain.react import Topic


@pytest.fixture(autouse=True)
def incident(database):
    database.transact(lambda tx: declare(tx, "INC-1"))


def accepted(database, number, at=START, **facts):
    return database.transact(lambda tx: settled(tx, page(number, channel="sms", **facts), PageState.ACCEPTED, at))


def state(database, number):
    return database.read(lambda tx: tx.pages.get(f"pg-{number}")).state


def test_word_is_awaited_until_it_comes(database):
    taken = accepted(database, 1)
    assert database.read(lambda tx: tx.receipts.next_at()) is None
    database.transact(lambda tx: tx.receipts.expect(taken, later(20)))
    assert database.read(lambda tx: tx.receipts.next_at()) == later(20)
    assert database.read(lambda tx: tx.receipts.overdue(later(19), 9)) == []
    assert database.read(lambda tx: tx.receipts.overdue(later(20), 9)) == [taken]
    assert database.transact(lambda tx: tx.receipts.came(taken, PageState.DELIVERED, later(21), ""))
    assert state(database, 1) is PageState.DELIVERED
    assert database.read(lambda tx: tx.receipts.next_at()) is None
    assert not database.transact(lambda tx: tx.receipts.no_longer_awaited(taken))


def test_what_came_is_put_on_the_chain_again(database):
    taken = accepted(database, 1)
    database.transact(lambda tx: tx.pages.reported([taken]))
    database.transact(lambda tx: tx.receipts.came(taken, PageState.FAILED, later(9), "It did not arrive."))
    [[found]] = database.read(lambda tx: tx.pages.unreported(9)).values()
    assert (found.state, found.error, found.settled_at) == (PageState.FAILED, "It did not arrive.", later(9))


@pytest.mark.parametrize("now", [PageState.DELIVERED, PageState.FAILED, PageState.EXHAUSTED])
def test_only_an_accepted_page_gets_a_receipt(database, now):
    taken = accepted(database, 1)
    database.transact(lambda tx: tx.receipts.came(taken, now, later(1), ""))
    assert not database.transact(lambda tx: tx.receipts.came(taken, PageState.DELIVERED, later(2), ""))
    database.transact(lambda tx: tx.receipts.expect(taken, later(20)))
    assert state(database, 1) is now
    assert database.read(lambda tx: tx.receipts.next_at()) is None


def test_silence_is_noticed_in_the_order_in_which_it_began_and_once(database):
    pages = [accepted(database, number) for number in (1, 2, 3)]
    for seconds, each in zip((30, 10, 20), pages, strict=True):
        database.transact(lambda tx, each=each, seconds=seconds: tx.receipts.expect(each, later(seconds)))
    found = database.read(lambda tx: tx.receipts.overdue(later(60), 2))
    assert [each.id for each in found] == ["pg-2", "pg-3"]
    for each in found:
        assert database.transact(lambda tx, each=each: tx.receipts.no_longer_awaited(each))
    assert [each.id for each in database.read(lambda tx: tx.receipts.overdue(later(60), 2))] == ["pg-1"]


def test_word_of_what_a_newer_release_folded_is_awaited_by_that_alone(database):
    taken = accepted(database, 1)
    database.transact(lambda tx: tx.receipts.expect(taken, later(20)))
    spoil(database, "UPDATE incidents SET fold_version = ?", FOLD_VERSION + 1)
    assert database.read(lambda tx: tx.receipts.next_at()) is None
    assert database.read(lambda tx: tx.receipts.overdue(later(60), 9)) == []


def test_what_went_out_in_one_message_is_found_by_the_page_that_led_it(database):
    pages = [page(number, channel="sms", person="bo") for number in (1, 2, 3)]
    database.transact(lambda tx: tx.pages.plan([*pages, page(4, channel="sms", person="cem")]))
    taken = database.transact(
        lambda tx: tx.crowds.take("bo", "sms", Lease("n1", START, later(10)), lanes=range(4), limit=99)
    )
    assert database.read(lambda tx: [each.id for each in tx.receipts.carried(taken[0])]) == ["pg-2", "pg-3"]
    assert database.read(lambda tx: tx.receipts.carried(taken[1])) == []
    answerable = database.read(lambda tx: tx.receipts.answerable("bo", "sms", later(-1)))
    assert [each.id for each in answerable] == ["pg-1"]


def test_what_can_be_answered_is_the_newest_first_of_one_person_on_one_channel_since_an_instant(database):
    for number, seconds in ((1, 0), (2, 20), (3, 10)):
        accepted(database, number, later(seconds))
    accepted(database, 4, later(10), person="bo")
    database.transact(lambda tx: settled(tx, page(5), PageState.ACCEPTED))
    accepted(database, 6, later(10), topic=Topic.POSTED)
    database.transact(lambda tx: tx.pages.plan([page(7, channel="sms")]))
    found = database.read(lambda tx: tx.receipts.answerable("ana", "sms", later(5)))
    assert [each.id for each in found] == ["pg-2", "pg-3"]


def test_a_call_is_heard_once_until_it_is_forgotten(database):
    for number in range(5):
        assert database.read(lambda tx, number=number: tx.receipts.is_new(f"call {number}"))
        assert database.transact(lambda tx, number=number: tx.receipts.remember(f"call {number}", later(number)))
        assert not database.transact(lambda tx, number=number: tx.receipts.remember(f"call {number}", later(99)))
    assert not database.read(lambda tx: tx.receipts.is_new("call 0"))
    assert database.transact(lambda tx: tx.receipts.forget(later(3), 2)) == 2
    assert database.transact(lambda tx: tx.receipts.forget(later(3), 2)) == 1
    assert [database.read(lambda tx, number=number: tx.receipts.is_new(f"call {number}")) for number in range(5)] == [
        True, True, True, False, False,
    ]  # fmt: skip
