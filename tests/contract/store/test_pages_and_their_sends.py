"""The outbox: an intent is durable before it is sent, a claim is a lease with a fence, a result counts once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.store.making import START, declare, later, page, settled
from tests.contract.store.reaching import spoil
from tocsin.application.records import PageState
from tocsin.domain.incident import FOLD_VERSION
from tocsin.domain.react import Topic

LEASE_S = 10


@pytest.fixture(autouse=True)
def incidents(database):
    database.transact(lambda tx: [declare(tx, f"INC-{number}") for number in (1, 2)])


def plan(database, *pages):
    database.transact(lambda tx: tx.pages.plan(pages))


def claim(database, seconds=0.0, owner="n1", limit=10, channel="email"):
    at = later(seconds)
    return database.transact(lambda tx: tx.pages.claim(channel, at, owner, later(seconds + LEASE_S), limit))


def settle(database, claimed, state=PageState.ACCEPTED, *, at=START, error="", provider_id=""):
    return database.transact(lambda tx: tx.pages.settle(claimed, state, at, error, provider_id))


def get(database, number):
    return database.read(lambda tx: tx.pages.get(f"pg-{number}"))


def state(database, number):
    return get(database, number).state


def test_an_intent_is_kept_as_it_was_planned(database):
    intended = page(1, send_at=later(120), person="bo", lane=0, level=2, round=3, attempt=2, channel="sms", seq=7)
    plan(database, intended)
    assert get(database, 1) == intended
    assert get(database, 2) is None


def test_planning_twice_intends_once(database):
    plan(database, page(1))
    [mine] = claim(database)
    plan(database, page(1), page(2))
    assert get(database, 1) == mine, "what became of it is not undone"
    assert state(database, 2) is PageState.PLANNED


def test_a_page_is_claimed_when_it_is_due_and_only_on_its_channel(database):
    plan(database, page(1, send_at=later(5)), page(2, channel="sms"))
    assert claim(database, 4.999) == []
    [mine] = claim(database, 5)
    assert (mine.id, mine.state, mine.owner, mine.fence, mine.sent_at) == (
        "pg-1",
        PageState.SENDING,
        "n1",
        1,
        later(5),
    )
    assert claim(database, 5) == []


def test_no_more_are_claimed_than_were_asked_for(database):
    plan(database, *(page(number, send_at=later(-number)) for number in range(5)))
    assert sorted(it.id for it in claim(database, limit=3)) == ["pg-2", "pg-3", "pg-4"], "the oldest ones"
    assert len(claim(database, limit=3)) == 2


def test_a_critical_page_is_claimed_before_ten_thousand_low_ones(database):
    plan(database, *(page(number, lane=3, send_at=later(-60)) for number in range(10_000)), page("c", lane=0))
    plan(database, *(page(f"p{number}", lane=4, topic=Topic.POSTED, send_at=later(-90)) for number in range(5)))
    assert [it.lane for it in claim(database, limit=3)] == [0, 3, 3]


def test_posts_go_behind_every_page(database):
    plan(database, page("post", lane=4, topic=Topic.POSTED, send_at=later(-60)))
    plan(database, *(page(lane, lane=lane) for lane in (3, 1, 2, 0)))
    assert [it.id for it in claim(database)] == ["pg-0", "pg-1", "pg-2", "pg-3", "pg-post"]


def test_the_channels_with_something_due_are_known_before_anything_is_claimed(database):
    plan(database, page(1, send_at=later(5)), page(2, channel="sms", lane=4), page(3, channel="fax"))
    asked = ["email", "sms", "voice"]

    def due(seconds):
        return sorted(database.read(lambda tx: tx.pages.channels_due(asked, later(seconds))))

    assert due(4.999) == ["sms"]
    assert due(5) == ["email", "sms"]
    claim(database, 5)
    assert due(5 + LEASE_S - 0.001) == ["sms"], "a lease holds"
    assert due(5 + LEASE_S) == ["email", "sms"], "and ran out"


def test_a_lease_that_ran_out_is_claimed_again_with_a_higher_fence(database):
    plan(database, page(1))
    [first] = claim(database)
    assert claim(database, LEASE_S - 0.001, owner="n2") == []
    [second] = claim(database, LEASE_S, owner="n2")
    assert (second.owner, second.fence) == ("n2", 2)
    assert database.read(lambda tx: tx.pages.claimed(first)) is None
    assert database.read(lambda tx: tx.pages.claimed(second)) == second


def test_a_result_counts_only_under_the_fence_it_was_claimed_with(database):
    plan(database, page(1))
    [first] = claim(database)
    [second] = claim(database, LEASE_S, owner="n1")
    assert not settle(database, first, PageState.FAILED, error="too late")
    assert settle(database, second, PageState.ACCEPTED, at=later(12), provider_id="smtp-7")
    assert not settle(database, second, PageState.FAILED, error="again")
    after = get(database, 1)
    assert (after.state, after.settled_at, after.error, after.provider_id) == (
        PageState.ACCEPTED,
        later(12),
        "",
        "smtp-7",
    )
    assert claim(database, 10**6) == []


def test_a_lease_can_be_begun_anew_while_the_claim_holds(database):
    plan(database, page(1))
    [mine] = claim(database)
    assert database.transact(lambda tx: tx.pages.renew(mine, later(18)))
    assert claim(database, 17.999, owner="n2") == []
    assert len(claim(database, 18, owner="n2")) == 1
    assert not database.transact(lambda tx: tx.pages.renew(mine, later(99)))


def test_stopping_a_round_supersedes_what_is_planned_and_marks_what_is_being_sent(database):
    plan(database, page(1, send_at=later(-1)), page(2), page("other-round", round=2))
    plan(database, page("other-incident", incident_id="INC-2"), page("post", topic=Topic.POSTED, lane=4))
    claim(database, limit=1)
    database.transact(lambda tx: tx.pages.stop("INC-1", [1, 7], "", 9))
    assert (state(database, 1), get(database, 1).superseded_by) == (PageState.SENDING, 9)
    assert (state(database, 2), get(database, 2).superseded_by) == (PageState.SUPERSEDED, 9)
    assert state(database, "other-round") is PageState.PLANNED
    assert state(database, "post") is PageState.PLANNED, "who is only told is told"
    assert state(database, "other-incident") is PageState.PLANNED
    assert {it.id for it in claim(database, 1)} == {"pg-other-round", "pg-other-incident", "pg-post"}


def test_what_was_being_sent_when_its_round_was_stopped_is_found_again_by_its_mark(database):
    plan(database, page(1))
    claim(database)
    database.transact(lambda tx: tx.pages.stop("INC-1", [1], "", 9))
    [again] = claim(database, LEASE_S, owner="n2")
    assert again.superseded_by == 9


def test_stopping_one_person_leaves_the_others(database):
    plan(database, page(1), page(2, person="bo"))
    database.transact(lambda tx: tx.pages.stop("INC-1", [1], "ana", 9))
    assert (state(database, 1), state(database, 2)) == (PageState.SUPERSEDED, PageState.PLANNED)


def test_stopping_no_round_stops_nothing(database):
    plan(database, page(1))
    database.transact(lambda tx: (tx.pages.stop("INC-1", [], "", 9), tx.pages.acknowledge("INC-1", [], "ana")))
    assert state(database, 1) is PageState.PLANNED


def test_an_acknowledgement_proves_the_pages_that_reached_its_person(database):
    """R24 needs delivered or acknowledged."""

    def work(tx):
        for number, became in enumerate(("accepted", "delivered", "failed")):
            settled(tx, page(number), PageState(became))
        settled(tx, page("bo", person="bo"), PageState.ACCEPTED)
        settled(tx, page("later", round=2), PageState.ACCEPTED)
        settled(tx, page("post", topic=Topic.POSTED), PageState.ACCEPTED)
        tx.pages.acknowledge("INC-1", [1], "ana")
        return tx.pages.by_state()

    assert database.transact(work) == {"acknowledged": 2, "failed": 1, "accepted": 3}


def test_hastening_sends_a_persons_other_ways_of_that_round_at_once(database):
    plan(
        database,
        page("mail"),
        page("sms", channel="sms", send_at=later(120)),
        page("call", channel="voice", send_at=later(300)),
        page("bo", person="bo", channel="sms", send_at=later(120)),
        page("later", round=2, channel="sms", send_at=later(120)),
        page("again", attempt=2, channel="sms", send_at=later(120)),
        page("same", attempt=2, send_at=later(120)),
    )
    [mine] = claim(database)
    assert database.transact(lambda tx: tx.pages.hasten(mine, later(1))) == 2
    assert [it.id for it in claim(database, 1, channel="sms")] == ["pg-sms"]
    assert [it.id for it in claim(database, 1, channel="voice")] == ["pg-call"]
    assert database.transact(lambda tx: tx.pages.hasten(mine, later(2))) == 0


def test_a_level_lives_while_a_page_of_it_may_reach_or_has_reached_somebody(database):
    def live():
        return database.read(lambda tx: tx.pages.live("INC-1", 1, 1))

    assert live() == 0
    plan(database, page("l2", level=2), page("r2", round=2), page("post", topic=Topic.POSTED), page("again", attempt=2))
    assert live() == 0, "another level, another round, a post and the next try of a failed page are no hope"
    plan(database, page(1))
    assert live() == 1
    [mine] = [it for it in claim(database) if it.id == "pg-1"]
    assert live() == 2, "what is being sent is one, also when it is a further try"
    settle(database, mine, PageState.FAILED)
    assert live() == 1


@pytest.mark.parametrize("became", [PageState.ACCEPTED, PageState.DELIVERED, PageState.ACKNOWLEDGED])
def test_a_page_that_arrived_keeps_its_level_alive(database, became):
    database.transact(lambda tx: settled(tx, page(1), became))
    assert database.read(lambda tx: tx.pages.live("INC-1", 1, 1)) == 1


@pytest.mark.parametrize("became", [PageState.FAILED, PageState.EXHAUSTED, PageState.SUPERSEDED])
def test_a_page_that_did_not_arrive_does_not(database, became):
    database.transact(lambda tx: settled(tx, page(1), became))
    assert database.read(lambda tx: tx.pages.live("INC-1", 1, 1)) == 0


def test_results_are_reported_once(database):
    def work(tx):
        for number in range(3):
            settled(tx, page(number, incident_id=f"INC-{1 + number % 2}"), PageState.ACCEPTED)

    database.transact(work)
    plan(database, page("planned"))
    waiting = database.read(lambda tx: tx.pages.unreported(10))
    assert {key: {it.id for it in its} for key, its in waiting.items()} == {
        "INC-1": {"pg-0", "pg-2"},
        "INC-2": {"pg-1"},
    }
    one, other = waiting["INC-1"]
    assert database.transact(lambda tx: tx.pages.reported([one])) == [one]
    assert database.transact(lambda tx: tx.pages.reported([one, other])) == [other]
    assert list(database.read(lambda tx: tx.pages.unreported(10))) == ["INC-2"]


def test_no_more_results_are_reported_than_asked_for(database):
    database.transact(lambda tx: [settled(tx, page(number), PageState.ACCEPTED) for number in range(3)])
    assert [len(its) for its in database.read(lambda tx: tx.pages.unreported(2)).values()] == [2]


def test_pages_are_listed_in_the_order_they_were_intended(database):
    plan(database, page("c", intended_at=later(2)), page("b", intended_at=later(1), seq=3), page("a", seq=3))
    plan(database, page("d", intended_at=later(1)), page("elsewhere", incident_id="INC-2"))

    def ids(after="", limit=10):
        return [it.id for it in database.read(lambda tx: tx.pages.page_of("INC-1", after, limit))]

    assert ids() == ["pg-a", "pg-d", "pg-b", "pg-c"]
    assert ids(limit=2) == ["pg-a", "pg-d"]
    assert ids("pg-d") == ["pg-b", "pg-c"]
    assert ids("pg-nowhere") == []
    assert database.read(lambda tx: tx.pages.count("INC-1")) == 4


def test_the_outbox_says_when_it_wants_to_be_looked_at(database):
    def next_at():
        return database.read(lambda tx: tx.pages.next_at())

    assert next_at() is None
    plan(database, page(1, send_at=later(5)), page(2, send_at=later(60)))
    assert next_at() == later(5)
    [mine] = claim(database, 5)
    assert next_at() == later(15), "the lease runs out"
    settle(database, mine)
    assert next_at() == later(60)


def test_pages_are_counted_by_state(database):
    plan(database, page(1), page(2), page(3, channel="sms"))
    settle(database, claim(database, limit=1)[0], PageState.EXHAUSTED)
    assert database.read(lambda tx: tx.pages.by_state()) == {"exhausted": 1, "planned": 2}


def test_pages_of_an_incident_of_a_newer_fold_are_left_alone(database):
    plan(database, page(1), page(2, incident_id="INC-2"), replace(page("test"), incident_id="", topic=Topic.TEST))
    database.transact(lambda tx: settled(tx, page("done", channel="sms"), PageState.ACCEPTED))
    spoil(database, "UPDATE incidents SET fold_version = ? WHERE id = 'INC-1'", FOLD_VERSION + 1)
    assert sorted(it.id for it in claim(database)) == ["pg-2", "pg-test"]
    assert database.read(lambda tx: tx.pages.unreported(10)) == {}


def test_the_other_ways_of_pages_that_wait_too_long_are_due_now_and_no_others(database):
    plan(
        database,
        page("waits"),
        page("its sms", channel="sms", send_at=later(120)),
        page("its call", channel="voice", send_at=later(300)),
        page("another round", channel="sms", round=2, send_at=later(120)),
        page("somebody else", channel="sms", person="bo", send_at=later(120)),
        page("a later attempt", channel="webhook", attempt=2, send_at=later(120)),
        page("a post", channel="slack", topic=Topic.POSTED, send_at=later(120)),
        page("tried anew", incident_id="INC-2", attempt=2),
        page("its sms too", incident_id="INC-2", channel="sms", send_at=later(120)),
    )
    hasten = lambda before, at: database.transact(lambda tx: tx.pages.hasten_waiting(later(before), later(at)))  # noqa: E731
    assert hasten(-1, 14) == 0
    assert hasten(0, 15) == 2
    assert {name for name in ("its sms", "its call") if get(database, name).send_at == later(15)} == {
        "its sms",
        "its call",
    }
    assert [it.id for it in claim(database, 15, channel="sms")] == ["pg-its sms"]
    assert hasten(0, 16) == 0


def test_a_page_under_way_hastens_nothing(database):
    plan(database, page("sent"), page("its sms", channel="sms", send_at=later(120)))
    claim(database, 0)
    assert database.transact(lambda tx: tx.pages.hasten_waiting(later(60), later(60))) == 0
