"""Pages by whom they reach: what went to a person lately, what waits for them, and taking all of it together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.store.making import START, declare, later, page, settled
from tests.contract.store.reaching import spoil
from tocsin.application.records import Crowd, Lease, PageState, Waiting
from tocsin.domain.incident import FOLD_VERSION
from tocsin.domain.react import Topic

PAGES, POSTS = range(4), range(4, 5)


@pytest.fixture(autouse=True)
def incidents(database):
    database.transact(lambda tx: [declare(tx, f"INC-{number}") for number in (1, 2)])


def plan(database, *pages):
    database.transact(lambda tx: tx.pages.plan(pages))


def lease(seconds=0.0, owner="n1"):
    return Lease(owner, later(seconds), later(seconds + 10))


def take(database, seconds=0.0, owner="n1", lanes=PAGES, limit=99):
    return database.transact(lambda tx: tx.crowds.take("ana", "email", lease(seconds, owner), lanes=lanes, limit=limit))


def hold(database, seconds, until, lanes=PAGES):
    return database.transact(lambda tx: tx.crowds.hold("ana", "email", later(seconds), later(until), lanes=lanes))


def first(database, seconds=0.0, lane=1):
    def work(tx):
        tx.crowds.take_turns("email")
        return tx.crowds.first("email", lane, later(seconds))

    return database.transact(work)


def about(database, seconds=0.0, *, quiet=False, since=-60.0, limit=6):
    return database.read(
        lambda tx: tx.crowds.about("ana", "email", later(seconds), quiet=quiet, since=later(since), limit=limit)
    )


def get(database, number):
    return database.read(lambda tx: tx.pages.get(f"pg-{number}"))


def carried_by(database):
    return dict(database.read(lambda tx: tx.pages._sql.all("SELECT id, carried_by FROM pages")))


def test_what_has_been_due_longest_on_a_lane_comes_first(database):
    plan(database, page(1, send_at=later(-1)), page(2, send_at=later(-2), person="bo"), page(3, channel="sms"))
    plan(database, page("mild", lane=2), page("newer", incident_id="INC-2", send_at=later(-9)))
    spoil(database, "UPDATE incidents SET fold_version = ? WHERE id = 'INC-2'", FOLD_VERSION + 1)
    assert first(database) == Waiting("pg-2", "bo", 1, Topic.PAGE, 1)
    assert first(database, lane=3) is None
    assert first(database, seconds=-3) is None


def test_everything_that_waits_for_a_person_is_taken_together_most_urgent_first(database):
    plan(database, page(1, lane=2), page(2, lane=1, send_at=later(-1)), page(3, lane=1, send_at=later(-2)))
    plan(database, page("bo", person="bo"), page("sms", channel="sms"), page("later", send_at=later(5)))
    plan(database, page("post", lane=4, topic=Topic.POSTED), page("test", lane=3, topic=Topic.TEST))
    taken = take(database)
    assert [it.id for it in taken] == ["pg-3", "pg-2", "pg-1"]
    assert {(it.state, it.owner, it.fence, it.sent_at) for it in taken} == {(PageState.SENDING, "n1", 1, START)}
    assert {name for name, leader in carried_by(database).items() if leader == "pg-3"} == {"pg-2", "pg-1"}
    assert take(database) == [], "they are leased"
    assert [it.id for it in take(database, lanes=POSTS)] == ["pg-post"]


def test_no_more_are_taken_than_asked_for_nor_milder_ones(database):
    plan(database, *(page(number, lane=number % 4) for number in range(8)))
    assert [it.lane for it in take(database, lanes=range(2), limit=3)] == [0, 0, 1]


def test_more_than_a_statement_takes_is_taken_in_order(database):
    plan(database, *(page(f"{number:04}") for number in range(1203)))
    assert [it.id for it in take(database, limit=1100)] == [f"pg-{number:04}" for number in range(1100)]


def test_what_is_held_is_not_due_and_is_taken_with_the_rest(database):
    plan(database, page(1), page(2, send_at=later(5)), page("mild", lane=3))
    assert hold(database, 0, 60) == 2
    assert first(database) is None
    assert first(database, 5) == Waiting("pg-2", "ana", 1, Topic.PAGE, 1)
    assert {it.id for it in take(database, 5)} == {"pg-1", "pg-2", "pg-mild"}
    assert hold(database, 6, 60) == 0


def test_a_lease_that_ran_out_is_taken_again_and_carried_anew(database):
    plan(database, page(1), page(2))
    old = take(database)
    plan(database, page(0, lane=0, send_at=later(9)))
    new = take(database, 10, "n2")
    assert [(it.id, it.fence, it.owner) for it in new] == [("pg-0", 1, "n2"), ("pg-1", 2, "n2"), ("pg-2", 2, "n2")]
    assert carried_by(database) == {"pg-0": "", "pg-1": "pg-0", "pg-2": "pg-0"}
    assert database.transact(lambda tx: tx.crowds.keep(old, later(99))) == []


def test_a_lease_that_ran_out_is_not_held_and_its_page_says_so(database):
    plan(database, page(1), page(2, send_at=later(5)))
    [mine] = take(database)
    assert hold(database, 12, 60) == 1, "what was never claimed waits"
    assert first(database, 12) == Waiting(mine.id, "ana", 1, Topic.PAGE, 1, again=True)
    assert [it.id for it in take(database, 12, "n2")] == ["pg-1", "pg-2"]


def test_one_page_is_taken_by_itself(database):
    plan(database, page(1, topic=Topic.TEST), page(2))
    assert [it.id for it in database.transact(lambda tx: tx.crowds.take_one("pg-1", lease()))] == ["pg-1"]
    assert database.transact(lambda tx: tx.crowds.take_one("pg-1", lease())) == []


def test_a_lease_begins_anew_only_for_what_is_still_ours(database):
    plan(database, page(1), page(2), page(3))
    mine = take(database)
    database.transact(lambda tx: tx.pages.settle(mine[1], PageState.ACCEPTED, START, "", ""))
    stale = replace(mine[2], fence=7)
    kept = database.transact(lambda tx: tx.crowds.keep([mine[0], mine[1], stale], later(30)))
    assert [it.id for it in kept] == ["pg-1"]
    assert {it.id for it in take(database, 10, "n2")} == {"pg-3"}


def test_another_can_carry_the_rest(database):
    plan(database, page(1), page(2), page(3))
    mine = take(database)
    database.transact(lambda tx: tx.crowds.carry(mine[1:]))
    assert carried_by(database) == {"pg-1": "", "pg-2": "", "pg-3": "pg-2"}


def test_messages_of_the_span_are_those_that_were_taken_or_are_under_way(database):
    assert about(database) == Crowd(None, 4, 0, START)
    plan(database, page(1, lane=2), page("bo", person="bo", lane=0), page("post", lane=4, topic=Topic.POSTED))
    assert about(database) == Crowd(None, 4, 1, START)
    [mine] = take(database)
    assert about(database, 3) == Crowd(START, 2, 1, later(3)), "it is under way"
    assert about(database, 10).heard_at is None, "or was, before its node died"
    database.transact(lambda tx: tx.pages.settle(mine, PageState.ACCEPTED, START, "", ""))
    assert about(database, 10).heard_at == START
    assert about(database, 60, since=0).heard_at is None
    assert about(database, quiet=True) == Crowd(None, 5, 1, START)


@pytest.mark.parametrize("became", [PageState.FAILED, PageState.EXHAUSTED, PageState.SUPERSEDED])
def test_what_did_not_arrive_was_no_message(database, became):
    database.transact(lambda tx: settled(tx, page(1), became))
    assert about(database).heard_at is None


def test_what_was_intended_is_counted_no_further_than_needed(database):
    plan(database, *(page(number, send_at=later(-number)) for number in range(90)), page("ahead", send_at=later(1)))
    assert about(database, limit=6).intended == 6
    assert about(database, since=-3, limit=99).intended == 3
    assert about(database, limit=99).oldest_at == later(-89)


def test_the_second_call_of_a_pair_follows_one_that_was_taken(database):
    def follows(number, since=-1):
        return database.read(lambda tx: tx.crowds.follows(f"pg-{number}", later(since)))

    plan(database, page(1), page(2, attempt=2, send_at=later(75)), page(3, attempt=3, send_at=later(90)))
    [mine] = take(database)
    assert not follows(2), "it is not taken yet"
    database.transact(lambda tx: tx.pages.settle(mine, PageState.ACCEPTED, START, "", "call-1"))
    assert follows(2)
    assert not follows(2, since=0), "that was too long ago"
    assert not follows(1)
    assert not follows(3)
