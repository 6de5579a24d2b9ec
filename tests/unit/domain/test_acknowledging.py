"""What an acknowledgement answers, whose links count, and who hears of it (RULES.md *Two clocks*)."""

from __future__ import annotations

import pytest

from tests.unit.domain.promised import MONITOR
from tests.unit.domain.virtual_time import (
    Story,
    acknowledges,
    declines,
    escalates,
    note,
    refires,
    reopens,
    resolves,
    sets,
)
from tocsin.domain import commands as cmd
from tocsin.domain.errors import NotAllowedNowError
from tocsin.domain.events import Acknowledged, AcknowledgementVoided, RoleAssigned
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def answered(story: Story, who: str, link: int | None = None) -> tuple[int, ...]:
    [event] = [event for event in story.do(acknowledges(who, link)) if isinstance(event, Acknowledged)]
    return event.rounds


@pytest.mark.parametrize("link", [None, 1, 3])
def test_the_first_acknowledgement_answers_every_open_round_whichever_link_was_used(link):
    story = Story(CRITICAL).at("0:12")
    assert story.incident.open_rounds == (1, 2, 3)
    assert answered(story, "bo", link) == (1, 2, 3)
    assert story.incident.open_rounds == ()


def test_it_says_who_has_it_since_when_and_makes_them_acting_commander():
    story = Story(HIGH).at("0:07")
    taken, assigned = story.do(acknowledges("bo"))
    assert (taken.person, taken.taken) == ("bo", True)
    assert (assigned.role, assigned.person, assigned.acting) == (Role.COMMANDER, "bo", True)
    incident = story.incident
    assert (incident.acknowledged_by, incident.acknowledged_at) == ("bo", story.now)
    assert incident.first_acknowledged_at == story.now


def test_who_comes_second_answers_their_own_rounds_and_takes_nothing():
    story = Story(HIGH).at("0:20", acknowledges("ana")).at("0:30", note("ana")).at("0:31", escalates("ana", 3))
    assert story.incident.open_rounds == (3, 4)
    assert answered(story, "cem") == (4,)
    assert not any(isinstance(event, RoleAssigned) for event in story.events[-1:])
    assert (story.incident.acknowledged_by, story.incident.open_rounds) == ("ana", (3,))


def test_who_comes_second_answers_the_round_of_the_link_they_used():
    story = Story(HIGH).at("0:20", acknowledges("ana")).at("0:30", note("ana")).at("0:31", escalates("ana", 3))
    assert answered(story, "dee", 3) == (3,)


def test_acknowledging_twice_changes_nothing_but_says_that_one_is_there():
    story = Story(CRITICAL).at("0:01", acknowledges("ana")).at("0:08")
    assert answered(story, "ana", 1) == ()
    assert story.at("0:17").rounds()[-1] == "0:15:00 resolution L3"


def test_the_resolution_ladder_goes_on_while_it_is_answered():
    story = Story(CRITICAL).at("0:01", acknowledges("bo")).busy("0:15", "bo")
    assert answered(story, "cem") == (2,)
    assert story.busy("4:00", "bo").rounds()[-1] == "4:00:00 resolution L4"


def test_any_acknowledgement_is_a_sign_of_life_whoever_passed_it_on():
    """A chat bot may hand it in; a person gave it."""
    story = Story(CRITICAL).at("0:14")
    story.do(lambda it: cmd.Acknowledge(**it.facts(MONITOR), person="bo"))
    assert story.incident.last_human_at == story.now
    assert story.at("0:23").rounds()[-1] == "0:15:00 resolution L3"


# Links of rounds before the present climb do not acknowledge.


@pytest.mark.parametrize(
    ("story", "old"),
    [
        (lambda: Story(HIGH).at("0:01", acknowledges("ana")).at("0:36"), 4),
        (lambda: Story(MEDIUM).at("0:01", sets(HIGH, "zoe")), 1),
        (lambda: Story(HIGH).at("0:01", acknowledges("ana")).at("0:02", declines("ana")), 1),
        (lambda: Story(HIGH).at("0:01", acknowledges("ana"), resolves("ana")).at("0:05", reopens("ana")), 1),
        (lambda: Story(HIGH).at("0:01", acknowledges("ana"), resolves("ana")).at("0:05", refires()), 1),
    ],
    ids=["voided", "raised", "given up", "reopened", "came back"],
)
def test_a_link_from_before_the_present_climb_does_not_acknowledge(story, old):
    started = story()
    number = started.incident.round
    assert started.incident.episode == number > old >= 1
    with pytest.raises(NotAllowedNowError, match=rf"round {old}; .* new climb \(round {number}\)") as refused:
        started.do(acknowledges("ana", old))
    assert refused.value.allowed == ("acknowledge",)
    assert number in answered(started, "ana", number)


def test_every_link_of_the_present_climb_counts():
    story = Story(HIGH).at("0:50")
    assert answered(story, "ana", 1) == (1, 2, 3, 4)


def test_a_hold_ends_no_climb():
    story = Story(HIGH).at("0:05", lambda it: cmd.AttachAlerts(**it.facts(MONITOR), cleared=1))
    assert story.incident.open_rounds == ()
    assert answered(story, "ana", 1) == ()
    assert story.incident.acknowledged_by == "ana"


# Void.


def test_a_voided_acknowledgement_is_recorded_with_whose_it_was_and_leaves_the_commander():
    story = Story(CRITICAL).at("0:01", acknowledges("ana")).at("0:16")
    [voided] = [event for event in story.events if isinstance(event, AcknowledgementVoided)]
    assert (voided.person, voided.actor.by) == ("ana", "system")
    assert (story.incident.commander, story.incident.acknowledged_at) == ("ana", None)
    assert story.incident.first_acknowledged_at is not None


def test_who_takes_it_after_a_void_does_not_become_commander_by_that():
    story = Story(CRITICAL).at("0:01", acknowledges("ana")).at("0:17", acknowledges("bo"))
    assert (story.incident.acknowledged_by, story.incident.commander) == ("bo", "ana")


def test_a_word_from_anybody_stops_the_round_that_asks_whether_anybody_is_there():
    story = Story(CRITICAL).at("0:01", acknowledges("ana")).at("0:12")
    assert story.incident.open_rounds == (2,)
    story.do(note("bo"))
    assert (story.incident.open_rounds, story.incident.stale_at) == ((), None)
