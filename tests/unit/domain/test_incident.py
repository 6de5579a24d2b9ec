"""The fold: what an event changes in the state, and what a log without a beginning is."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tests.unit.domain.promised import MONITOR, START, signed_in
from tests.unit.domain.virtual_time import Story, acknowledges, assigns, clears, fires, note, refires
from tocsin.domain import events as ev
from tocsin.domain.incident import after, evolve, fold
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def test_a_log_without_events_is_no_incident():
    with pytest.raises(ValueError, match="An incident without events does not exist"):
        fold([])


def test_a_log_begins_with_its_declaration():
    with pytest.raises(ValueError, match="The first event of an incident is Declared"):
        fold([ev.Noted(at=START, actor=MONITOR, text="too early")])


def test_the_declaration_sets_every_clock_to_its_instant():
    incident = fold(Story(LOW).events[:1])
    clocks = ("declared_at", "updated_at", "anchor_at", "climb_from", "last_human_at")
    assert {getattr(incident, clock) for clock in clocks} == {START}
    assert (incident.seq, incident.round, incident.episode, incident.alerts) == (1, 0, 1, 0)


def test_every_event_counts_and_dates_the_state():
    story = Story(HIGH).at("0:15")
    assert (story.incident.seq, story.incident.updated_at) == (len(story.events), story.now)
    assert fold(story.events) == after(fold(story.events[:1]), story.events[1:]) == story.incident


def test_only_deeds_of_persons_are_signs_of_life():
    story = Story(HIGH).at("0:15", fires(), clears())
    assert story.incident.last_human_at == START
    story.do(note("zoe"))
    assert story.incident.last_human_at == story.now


def test_a_round_is_no_deed_even_when_a_persons_command_opened_it():
    incident = Story(HIGH).incident
    opened = ev.RoundOpened(at=START.replace(hour=15), actor=signed_in("ana"), round=2, cause=ev.Cause.STALE)
    asked = evolve(incident, opened)
    assert (asked.last_human_at, asked.stale_at) == (START, opened.at)


def test_alerts_are_counted_and_never_below_none():
    story = Story(HIGH).at("0:01", acknowledges("ana"), fires(3), clears(2), refires())
    assert (story.incident.alerts, story.incident.firing) == (4, 3)
    story.do(clears(9))
    assert story.incident.firing == 0
    story.do(refires())
    assert (story.incident.alerts, story.incident.firing, len(story.incident.refires)) == (4, 1, 1)


def test_a_round_that_wakes_nobody_is_not_open():
    incident = Story(LOW).incident
    posted = ev.Target("ana", 1, (ev.Way("email"),))
    opened = ev.RoundOpened(at=START, actor=ev.SYSTEM, round=1, cause=ev.Cause.RESOLUTION, posts=(posted,))
    state = evolve(incident, opened)
    assert (state.open_rounds, state.told, state.level, state.levels_paged) == ((), ("ana",), 0, ())
    assert state.resolution_rung == 0


def test_a_level_that_fell_through_counts_as_paged_and_so_does_who_stood_in():
    incident = Story(LOW).incident
    stood_in = ev.Target("bo", 2, (ev.Way("email"),))
    opened = ev.RoundOpened(
        at=START, actor=ev.SYSTEM, round=1, cause=ev.Cause.LADDER, targets=(stood_in,), levels=(1,), rung=1
    )
    state = evolve(incident, opened)
    assert (state.level, state.levels_paged, state.rung) == (2, (1, 2), 1)


def test_everybody_who_was_told_is_remembered_once_in_order():
    story = Story(CRITICAL).at("0:20")
    assert story.incident.told == ("bo", "ana", "cem", "dee")


def test_there_is_one_commander_and_room_for_the_other_roles():
    story = Story(HIGH).at("0:01", acknowledges("ana"), assigns("ana", to="bo"))
    story.do(assigns("bo", to="cem", role=Role.SME))
    assert story.incident.roles == ((Role.COMMANDER, "bo"), (Role.SME, "cem"))
    assert story.incident.commander == "bo"
    assert replace(story.incident, roles=()).commander == ""


def test_every_text_an_event_names_is_one_of_its_fields():
    """The store keeps these beside the log, so that they can be redacted."""
    named = {kind.__name__: set(kind.texts) - {field.name for field in fields(kind)} for kind in EVENTS}
    assert {name for name, unknown in named.items() if unknown} == set()
    assert all("why" in kind.texts for kind in EVENTS if "why" in {field.name for field in fields(kind)})


EVENTS = [getattr(ev, kind.__name__) for kind in ev.Event.__subclasses__()]


@pytest.mark.parametrize(
    ("by", "person"), [("person:ana", "ana"), ("integration:prometheus", None), ("system", None), ("person:", "")]
)
def test_an_actor_is_a_person_or_not(by, person):
    assert ev.Actor(by, "token").person == person
