"""What each event obliges the outside to do: pages, posts, quiet messages, and sends that must not start any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.domain.promised import ANA, LEVELS, MONITOR, PEOPLE, POLICY, ROSTER, START, minutes, signed_in
from tests.unit.domain.virtual_time import (
    Story,
    accepts,
    acknowledges,
    assigns,
    clears,
    declines,
    escalates,
    fires,
    note,
    refires,
    resolves,
    sets,
)
from tocsin.domain import commands as cmd
from tocsin.domain.incident import evolve
from tocsin.domain.people import Notify, Roster
from tocsin.domain.react import AnswerPages, Effect, SendPage, StopPages, Tell, Topic, react
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def effects(story: Story, *asks) -> list[Effect]:
    """What is owed outside because of these, asked one after the other."""
    owed: list[Effect] = []
    for ask in asks:
        before = story.incident
        for event in story.do(ask):
            later = evolve(before, event)
            owed += react(before, later, event)
            before = later
    return owed


def told(topic: Topic, *people: str, number: int) -> list[Tell]:
    return [Tell(topic, who, number) for who in people]


def test_a_declaration_by_itself_obliges_nothing():
    incident = Story(LOW).incident
    assert react(None, incident, Story(LOW).events[0]) == ()


def test_a_round_sends_by_every_way_of_everybody_at_its_time():
    """Mail at once, SMS after 2 min, call after 5; posts go out at once."""
    bo = replace(PEOPLE["bo"], rules=(Notify("email"), Notify("sms", minutes(2)), Notify("voice", minutes(5))))
    story = Story(CRITICAL, roster=Roster({1: (ANA,), 2: (bo,)}, PEOPLE))
    [*_, opened] = [event for event in story.events if hasattr(event, "targets")]
    assert react(story.incident, story.incident, opened) == (
        SendPage(Topic.PAGE, 1, 2, "bo", "email", START),
        SendPage(Topic.PAGE, 1, 2, "bo", "sms", START + minutes(2)),
        SendPage(Topic.PAGE, 1, 2, "bo", "voice", START + minutes(5)),
        SendPage(Topic.POSTED, 1, 1, "ana", "email", START),
    )


def test_an_acknowledgement_stops_its_rounds_and_tells_who_was_paged_before():
    """They read "Cem has it."; the acting commander needs no message about themselves (R24 for the pages)."""
    story = Story(CRITICAL).at("0:06")
    assert effects(story, acknowledges("cem")) == [
        StopPages((1, 2)),
        AnswerPages((1, 2), "cem"),
        *told(Topic.TAKEN, "bo", "ana", number=2),
    ]


def test_who_comes_second_stops_only_what_is_theirs_and_tells_nobody():
    story = Story(HIGH).at("0:01", acknowledges("ana"), escalates("ana", 2), escalates("ana", 3))
    assert effects(story, acknowledges("cem")) == [StopPages((3,)), AnswerPages((3,), "cem")]
    assert effects(story, acknowledges("cem")) == []


def test_a_hand_over_tells_everybody_else_who_has_it_now():
    story = Story(HIGH).at("0:01", acknowledges("ana"), assigns("ana", to="ana"), assigns("ana", to="bo"))
    assert effects(story, accepts("bo")) == [
        StopPages((2,)),
        AnswerPages((2,), "bo"),
        *told(Topic.TAKEN, "ana", number=2),
        *told(Topic.ROLE, "ana", number=2),
    ]


def test_a_hold_stops_the_open_rounds():
    assert effects(Story(HIGH).at("0:16"), clears()) == [StopPages((1, 2))]
    assert effects(Story(CRITICAL), clears()) == []


def looks(story: Story):
    """The clock looks."""
    return cmd.Tick(at=story.now, policy=story.policy, roster=story.roster)


def test_alerts_that_join_what_somebody_has_are_posted_to_them_at_most_once_a_minute():
    """What joined within the minute is owed at its end, once; then nothing is, until more join."""
    story = Story(HIGH).at("0:01", acknowledges("ana"))
    assert effects(story, fires()) == told(Topic.JOINED, "ana", number=1)
    assert effects(story, fires(), refires()) == []
    assert effects(story.at("0:01:59"), fires(), looks) == []
    story.now = story.start + minutes(2)
    assert effects(story, looks) == told(Topic.JOINED, "ana", number=1)
    assert effects(story.at("0:02:59"), looks) == []
    assert effects(story.at("0:03"), fires()) == told(Topic.JOINED, "ana", number=1)


def test_a_post_that_is_owed_when_the_incident_is_handed_over_goes_to_the_taker():
    story = Story(HIGH).at("0:01", acknowledges("ana"), assigns("ana", to="ana"), fires(), fires())
    story.do(assigns("ana", to="bo"))
    story.do(accepts("bo"))
    story.now = story.start + minutes(2)
    assert effects(story, looks) == told(Topic.JOINED, "bo", number=2)


def test_a_post_that_is_owed_when_nobody_has_it_any_more_is_not_sent_to_the_next():
    story = Story(HIGH).at("0:01", acknowledges("ana"), fires(), fires(), declines("ana"))
    story.do(acknowledges("bo"))
    story.now = story.start + minutes(2)
    assert effects(story, looks) == []


def test_alerts_that_join_what_nobody_has_oblige_nothing():
    assert effects(Story(HIGH), fires(3)) == []


def test_whoever_has_a_flapping_incident_hears_of_joining_alerts_too():
    story = Story(HIGH).at("0:01", acknowledges("ana"))
    for minute in range(2, 8, 2):
        story.at(f"0:0{minute}", clears()).at(f"0:0{minute + 1}", refires())
    assert story.incident.flapping
    assert effects(story.at("0:10"), fires()) == told(Topic.JOINED, "ana", number=1)


def test_declining_stops_what_is_still_to_be_sent_to_that_person():
    story = Story(CRITICAL).at("0:06")
    first, *sends = effects(story, declines("bo"))
    assert first == StopPages((1, 2), "bo")
    assert {(send.round, send.person) for send in sends} == {(3, "dee")}


def test_declining_when_nothing_is_open_stops_nothing():
    story = Story(HIGH).at("0:01", acknowledges("ana"))
    assert effects(story, declines("bo")) == []


def test_a_role_is_told_to_who_gets_it_and_who_had_it_but_not_to_who_gave_it():
    story = Story(HIGH).at("0:01", acknowledges("ana"))
    assert effects(story, assigns("cem", to="dee")) == told(Topic.ROLE, "dee", "ana", number=1)
    assert effects(story, assigns("bo", to="bo")) == told(Topic.ROLE, "dee", number=1)


def test_naming_the_acting_commander_tells_them_once():
    story = Story(HIGH).at("0:01", acknowledges("ana"))
    assert effects(story, assigns("cem", to="ana")) == told(Topic.ROLE, "ana", number=1)


@pytest.mark.parametrize("close", [False, True])
def test_at_the_end_everything_stops_and_everybody_who_was_told_gets_the_all_clear(close):
    story = Story(CRITICAL).at("0:06", sets(HIGH))
    end = resolves("bo")
    if close:
        end = lambda it: cmd.Close(**it.facts(signed_in("bo")), closed_as="duplicate", why="see the other")  # noqa: E731
    assert effects(story, end) == [StopPages((1, 2)), *told(Topic.ALL_CLEAR, "bo", "ana", "cem", number=2)]


def test_somebody_who_took_part_unasked_gets_the_all_clear_too():
    story = Story(HIGH).at("0:01", acknowledges("dee"))
    assert effects(story, resolves("dee")) == told(Topic.ALL_CLEAR, "ana", "dee", number=1)


def test_a_word_from_anybody_stops_the_question_whether_anybody_is_there():
    story = Story(CRITICAL).at("0:01", acknowledges("ana")).at("0:12")
    assert effects(story, note("bo")) == [StopPages((2,))]
    assert effects(story, note("bo")) == []


def test_what_only_goes_on_record_obliges_nothing():
    story = Story(HIGH)
    assert effects(story, note("ana"), sets(HIGH)) == []
    assert effects(story, lambda it: cmd.ReportPages(**it.facts(MONITOR), results=())) == []


def test_sends_are_never_asked_for_before_their_round():
    later = replace(ANA, rules=(Notify("email", timedelta(seconds=1.9)),))
    story = Story(HIGH, roster=replace(ROSTER, levels=dict.fromkeys(LEVELS, (later,))), policy=POLICY)
    [*_, opened] = [event for event in story.events if hasattr(event, "targets")]
    [send] = react(story.incident, story.incident, opened)
    assert send.send_at == START + timedelta(seconds=1)
