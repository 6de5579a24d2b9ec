"""The loop: decide → evolve → react, and everything that follows from it in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.world import NOON, PEOPLE, procedures, service, signal
from tests.unit.domain.promised import ROSTER
from tocsin.application.handle import POST_LANE, carry_out, change, intent
from tocsin.application.moves import Closing, Escalation, Reason, Reopening, Resolution, Words
from tocsin.application.records import PageState
from tocsin.domain import commands as cmd
from tocsin.domain import events as ev
from tocsin.domain.errors import NotAllowedNowError, NotFoundError
from tocsin.domain.events import SYSTEM
from tocsin.domain.react import SendPage, Topic
from tocsin.domain.severity import Severity


def test_an_incident_that_is_not_there_cannot_be_changed(world):
    with pytest.raises(NotFoundError, match="INC-9"):
        change(world.app, "INC-9", lambda known, _incident: cmd.Tick(at=known.at, policy=known.policy))


def test_what_is_refused_leaves_nothing_behind(world):
    world.begin()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    before, pages = world.incident(), world.pages()
    with pytest.raises(NotAllowedNowError):
        world.does("ana", "escalate", Escalation("beyond me"))
    assert (world.incident(), world.pages()) == (before, pages)


def test_the_crash_points_lie_around_the_commit(world):
    incident = world.begin()
    points: list[str] = []
    world.crash = points.append
    change(world.node("n2"), incident.id, lambda known, _it: cmd.Note(at=known.at, policy=known.policy, text="x"))
    assert points == ["decide.before_commit", "decide.after_commit"]


def test_a_change_rings_the_bell(world):
    incident = world.begin()
    rings = world.app.bell.rings
    change(world.app, incident.id, lambda known, _it: cmd.Note(at=known.at, policy=known.policy, text="x"))
    assert world.app.bell.rings == rings + 1


def test_the_instant_of_a_decision_is_never_before_the_newest_event(world):
    """The clock of another node may be ahead."""
    world.begin()
    world.clock.forward(-30)
    world.does("ana", "note", Words("from the past"))
    assert [it.at for it in world.events(ev.Noted)] == [NOON]


def test_a_command_without_events_only_sets_the_timer(world):
    incident = world.begin()
    world.database.transact(lambda tx: tx.incidents.rearm(incident.id, NOON))
    world.tick()
    assert world.incident() == incident
    assert world.database.read(lambda tx: tx.next_tick_at()) == NOON + timedelta(minutes=15)


def test_acknowledging_stops_every_send_of_its_round_and_proves_what_arrived(world):
    """R24."""
    world.begin()
    world.send_due()
    world.does("ana", "acknowledge")
    assert {(page.channel, page.state) for page in world.pages() if page.urgent} == {
        ("email", PageState.ACKNOWLEDGED),
        ("webhook", PageState.SUPERSEDED),
    }
    acknowledged = world.events(ev.Acknowledged)[0]
    stopped = next(page for page in world.pages() if page.state is PageState.SUPERSEDED)
    assert world.events()[stopped.superseded_by - 1] == acknowledged


def test_what_an_event_stops_does_not_stop_what_the_next_one_plans(world):
    """A raise ends the acknowledgement and opens a round within one command."""
    world.ingest(signal(severity="warning"))
    world.ingest(signal(severity="critical", instance="b"))
    newest = world.incident().round
    assert {page.state for page in world.pages() if page.round == newest} == {PageState.PLANNED}


def test_those_who_were_paged_before_hear_who_has_it_and_that_it_is_over(world):
    world.begin()
    world.pass_time(15)
    world.does("bo", "acknowledge")
    world.does("bo", "resolve", Resolution("restarted"))
    told = {(page.topic, page.person) for page in world.pages() if page.topic in {Topic.TAKEN, Topic.ALL_CLEAR}}
    assert told == {(Topic.TAKEN, "ana"), (Topic.ALL_CLEAR, "ana"), (Topic.ALL_CLEAR, "bo")}
    assert {page.lane for page in world.pages() if not page.urgent} == {POST_LANE}


def test_nobody_is_told_who_left_or_has_no_quiet_way(world):
    world.begin()
    world.pass_time(15)
    world.apply(
        procedures("v2", people={"bo": PEOPLE["bo"], "cem": PEOPLE["cem"], "dee": replace(PEOPLE["dee"], quiet="sms")})
    )
    world.does("bo", "acknowledge")
    world.apply(procedures("v3", people={**PEOPLE, "ana": replace(PEOPLE["ana"], quiet="sms")}))
    world.does("bo", "resolve", Resolution("restarted"))
    assert {page.person for page in world.pages() if not page.urgent} == {"bo"}


def test_the_key_of_a_page_is_its_identity(world):
    """(incident, round, level, person, channel, attempt): deciding twice cannot page twice."""
    incident = world.begin()
    send = SendPage(Topic.PAGE, 1, 1, "ana", "email", NOON)
    first = intent(incident, send, NOON, 1)
    assert intent(incident, replace(send, send_at=world.clock.forward(9)), world.clock.at, 1).id == first.id
    others = [
        intent(replace(incident, id="INC-9"), send, NOON, 1),
        intent(incident, replace(send, round=2), NOON, 1),
        intent(incident, replace(send, level=2), NOON, 1),
        intent(incident, replace(send, person="bo"), NOON, 1),
        intent(incident, replace(send, channel="webhook"), NOON, 1),
        intent(incident, send, NOON, 2),
        intent(incident, replace(send, topic=Topic.POSTED), NOON, 1),
    ]
    assert len({first.id, *(page.id for page in others)}) == 8
    assert (first.lane, others[-1].lane) == (Severity.HIGH.rank, POST_LANE)


def test_a_post_may_be_sent_again_for_another_event(world):
    incident = world.begin()
    tell = SendPage(Topic.JOINED, 1, 0, "ana", "email", NOON)
    assert intent(incident, tell, NOON, 1).id != intent(replace(incident, seq=99), tell, NOON, 1).id
    assert intent(incident, tell, NOON, 2, seq=99).id != intent(incident, tell, NOON, 2).id


def test_reopening_beside_an_open_incident_of_its_group_says_where_to_go_on(world):
    world.begin()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    first = world.incident()
    world.clock.forward(minutes=31)
    second = world.begin()
    with pytest.raises(NotAllowedNowError, match=f"{first.id} came back as {second.id}, which is open"):
        world.does("ana", "reopen", Reopening("not over"), incident=first.id)
    world.does("ana", "close", Closing("duplicate", "of the first"))
    world.does("ana", "reopen", Reopening("not over"), incident=first.id)
    assert world.incident(first.id).is_open


def test_declining_stops_the_rest_of_ones_own_pages(world):
    world.begin()
    world.does("ana", "decline", Reason("on a train"))
    assert {(page.person, page.state) for page in world.pages() if page.urgent} == {
        ("ana", PageState.SUPERSEDED),
        ("bo", PageState.PLANNED),
    }


def test_rules_that_break_leave_nothing_half_done(world):
    """What the rules say is worked out before the first of it is written."""
    incident = world.begin()
    policy = replace(procedures().policy, timings={})

    def work(tx):
        held = tx.incidents.load(incident.id)
        with pytest.raises(KeyError):
            carry_out(tx, held, cmd.Note(at=NOON, policy=policy, roster=ROSTER, actor=SYSTEM, text="x"))
        return tx.incidents.head(incident.id)[0]

    assert world.database.transact(work) == incident.seq


def test_a_service_that_is_gone_is_staffed_by_the_first_one(world):
    world.ingest(signal(service="docs"))
    world.apply(procedures("v2", services={"claudex": service("claudex")}))
    world.pass_time(15)
    assert [it.targets[0].person for it in world.events(ev.RoundOpened)] == ["ana", "bo"]
