"""Declaring, notes, escalations and levels that were given up on: what is refused, and what is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.domain.promised import MONITOR, POLICY, TIMINGS, minutes, signed_in
from tests.unit.domain.virtual_time import (
    Story,
    acknowledges,
    assigns,
    clears,
    escalates,
    fires,
    gives_up,
    reopens,
    resolves,
    sets,
)
from tocsin.domain import commands as cmd
from tocsin.domain.decide import decide
from tocsin.domain.errors import InvalidError
from tocsin.domain.events import LevelUnreachable, PageResult, PagesReported, SeverityChanged
from tocsin.domain.policy import Rung
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def declared(**facts: object) -> cmd.Declare:
    story = Story(LOW)
    said = {"id": "INC-1", "title": "t", "service": "s", "group": "g", "severity": HIGH, "origin": "person"}
    return cmd.Declare(**{**story.facts(signed_in("ana")), **said, **facts})


def test_a_declaration_records_what_was_said():
    told = {"impact": "no orders", "symptoms": "500s", "users": "20%", "recurrence_of": "INC-0"}
    first, *_ = decide(None, declared(title=" it is down\n", **told))
    assert (first.title, first.procedures, first.actor.person) == ("it is down", "by hand", "ana")
    assert {name: getattr(first, name) for name in told} == told


def test_a_declaration_has_a_title():
    with pytest.raises(InvalidError, match="A title says what is broken; it was left empty"):
        decide(None, declared(title="  "))


@pytest.mark.parametrize(("origin", "confirmed"), [("person", True), ("alert", False), ("system", False)])
def test_what_a_person_declares_is_confirmed_and_what_an_alert_suggests_is_not(origin, confirmed):
    """R6"""
    assert Story(HIGH, origin=origin).incident.severity_confirmed is confirmed


def test_a_person_confirms_the_suggested_severity():
    story = Story(HIGH).at("0:01", fires(worst=CRITICAL))
    assert not story.incident.severity_confirmed
    story.do(sets(CRITICAL))
    assert story.incident.severity_confirmed


def test_a_change_of_severity_says_what_it_was_and_why():
    """R16"""
    story = Story(HIGH).at("0:16")
    [changed] = story.do(lambda it: cmd.ChangeSeverity(**it.facts(signed_in("ana")), severity=MEDIUM, why="one user"))
    assert isinstance(changed, SeverityChanged)
    assert (changed.was, changed.severity, changed.raised, changed.why) == (HIGH, MEDIUM, False, "one user")
    assert (changed.rung, changed.resolution_rung) == (1, 0)


def test_a_raise_pages_at_once_even_where_the_ladder_begins_later():
    patient = replace(TIMINGS[CRITICAL], unacknowledged=(Rung(minutes(2), page=(3,)), Rung(minutes(5), page=(4,))))
    story = Story(HIGH, policy=replace(POLICY, timings={**TIMINGS, CRITICAL: patient}))
    story.at("0:10", sets(CRITICAL)).at("0:15")
    assert story.rounds()[1:] == ["0:10:00 severity L3", "0:12:00 ladder L3", "0:15:00 ladder L4"]


def test_a_note_has_words():
    story = Story(HIGH)
    [noted] = story.do(lambda it: cmd.Note(**it.facts(signed_in("ana")), text=" found it "))
    assert noted.text == "found it"
    with pytest.raises(InvalidError, match="A note needs words"):
        story.do(lambda it: cmd.Note(**it.facts(signed_in("ana")), text=""))


def test_an_escalation_says_why_and_names_a_level_there_is():
    """R79"""
    story = Story(HIGH)
    with pytest.raises(InvalidError, match=r"An escalation says why \(R79\)"):
        story.do(lambda it: cmd.Escalate(**it.facts(signed_in("ana")), why=""))
    for level in (0, 5):
        with pytest.raises(InvalidError, match=f"There is no level {level}; these procedures have 1, 2, 3, 4"):
            story.do(escalates("ana", level))


def test_results_of_pages_are_recorded_as_they_are():
    results = (PageResult("pg-1", "accepted"), PageResult("pg-2", "exhausted"))
    [event] = Story(HIGH).do(lambda it: cmd.ReportPages(**it.facts(MONITOR), results=results))
    assert isinstance(event, PagesReported)
    assert event.results == results


def test_alerts_that_do_nothing_are_no_event():
    assert Story(HIGH).do(fires(0)) == ()


def test_more_clears_than_alerts_are_all_clear():
    assert Story(CRITICAL).at("0:01", clears(5)).incident.firing == 0


# Levels at which nobody can be reached.


def test_the_level_above_one_that_cannot_be_reached_is_paged_at_once():
    story = Story(HIGH).at("0:02")
    unreachable, _opened = story.do(gives_up(1))
    assert isinstance(unreachable, LevelUnreachable)
    assert (unreachable.round, unreachable.level) == (1, 1)
    assert story.at("0:15").rounds()[1:] == ["0:02:00 unreachable L2", "0:15:00 ladder L2"]


def test_giving_up_again_or_on_an_answered_round_does_nothing():
    story = Story(HIGH).at("0:02", gives_up(1))
    assert story.do(gives_up(1)) == ()
    story.do(acknowledges("bo"))
    assert story.do(gives_up(1, 2)) == ()


def test_above_the_top_there_is_nobody_to_page_but_it_is_on_the_record():
    story = Story(HIGH).at("0:02", escalates("ana", 4))
    assert [type(event) for event in story.do(gives_up(4, 2))] == [LevelUnreachable]


@pytest.mark.parametrize(("number", "since"), [(1, "0:20"), (2, "1:00")])
def test_who_is_being_woken_already_is_not_woken_again_in_place_of_others(number, since):
    """The next above is somebody new, whichever open round is trying to reach level 2."""
    story = Story(MEDIUM if number == 2 else HIGH).at(since, gives_up(1, number))
    assert story.rounds()[2:] == [f"{since}:00 unreachable L3"]


def test_an_offer_that_reaches_nobody_goes_back_to_the_giver_who_still_has_it():
    story = Story(HIGH).at("0:01", acknowledges("ana"), assigns("ana", to="ana"), assigns("ana", to="dee"))
    story.at("0:02", gives_up(0, 2))
    assert story.rounds()[1:] == ["0:01:00 offer dee", "0:02:00 unreachable ana"]


def test_an_offer_that_another_has_replaced_needs_nobody_when_it_reaches_nobody():
    story = Story(HIGH).at("0:01", acknowledges("ana"), assigns("ana", to="ana"), assigns("ana", to="dee"))
    story.do(assigns("ana", to="cem"))
    assert [type(event) for event in story.do(gives_up(0, 2))] == [LevelUnreachable]


@pytest.mark.parametrize(("person", "then"), [("cem", "L2"), ("bo", "L3")])
def test_who_fell_silent_and_cannot_be_reached_is_replaced_by_the_highest_level_paged_so_far(person, then):
    """By the level above, where that level is nobody else."""
    story = Story(CRITICAL).at("0:01", acknowledges(person)).at("0:11")
    story.do(gives_up(0, 2))
    assert story.rounds()[1:] == [f"0:11:00 stale {person}", f"0:11:00 unreachable {then}"]


def test_before_any_level_was_paged_it_is_the_default_level():
    story = Story(LOW).at("0:01", acknowledges("cem"), resolves("cem")).at("0:25", reopens("cem"))
    story.do(gives_up(0, 1))
    assert story.rounds() == ["0:25:00 reopened cem", "0:25:00 unreachable L1"]
