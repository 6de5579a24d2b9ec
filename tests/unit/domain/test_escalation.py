"""Ladders as clocks: when a step is due, what it does, and what is owed in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.unit.domain.promised import NOW, POLICY, START, TIMINGS, hours, minutes
from tests.unit.domain.virtual_time import Story, acknowledges, assigns
from tocsin.domain.climb import next_step
from tocsin.domain.escalation import Ladder, Owed, due, next_due, owed, together
from tocsin.domain.events import Cause
from tocsin.domain.policy import Calendar, Rung, Wait
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity

STEPS = (Rung(NOW, page=(2,), post=(1,)), Rung(minutes(5), page=(3,), post=(2,)), Rung(minutes(10), page=(4,)))
REPEATING = Ladder(START, STEPS, minutes(10), Calendar())
ENDING = replace(REPEATING, repeat_every=None)


@pytest.mark.parametrize(("step", "after"), [(0, 0), (1, 5), (2, 10), (3, 20), (4, 30), (63, 620)])
def test_steps_count_from_the_start_and_repeats_from_the_last_step(step, after):
    assert REPEATING.step_at(step) == START + minutes(after)


def test_without_repeats_the_last_step_is_the_last():
    assert (ENDING.step_at(2), ENDING.step_at(3)) == (START + minutes(10), None)


def test_a_ladder_without_steps_is_over_before_it_begins():
    assert replace(ENDING, rungs=()).step_at(0) is None


def test_a_repeat_wakes_every_level_the_ladder_wakes_and_tells_nobody_else():
    assert REPEATING.step(1) == STEPS[1]
    assert REPEATING.step(3) == REPEATING.step(40) == Rung(minutes(10), page=(2, 3, 4))


@pytest.mark.parametrize(
    ("taken", "after", "then"), [(0, 0, 1), (0, 4.9, 1), (0, 5, 2), (1, 25, 4), (3, 19, 3), (3, 20, 4)]
)
def test_every_step_that_is_due_counts_as_taken(taken, after, then):
    assert REPEATING.taken_by(taken, START + minutes(after)) == then


def test_a_ladder_that_ends_takes_no_more_steps_than_it_has():
    assert ENDING.taken_by(0, START + hours(1000)) == 3


def test_a_step_may_wait_for_the_business_day_and_repeat_from_there():
    ladder = Ladder(START, (Rung(Wait.NEXT_BUSINESS_DAY, page=(1,)),), hours(1), Calendar())
    friday = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert [ladder.step_at(step) for step in (0, 1, 2)] == [friday, friday + hours(1), friday + hours(2)]


def test_steps_taken_together_wake_all_their_levels_and_tell_only_those_they_do_not_wake():
    assert together(STEPS) == Rung(minutes(10), page=(2, 3, 4), post=(1,))
    assert together(STEPS[:1]) == STEPS[0]


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (None, None, None),
        (("email",), None, None),
        (None, ("email",), None),
        (("email",), ("sms",), ("email", "sms")),
        (("email",), ("email",), ("email",)),
    ],
)
def test_steps_taken_together_use_the_widest_choice_of_channels(first, second, both):
    steps = [Rung(NOW, page=(1,), channels=first), Rung(minutes(1), page=(2,), channels=second)]
    assert together(steps).channels == both


def test_a_narrow_step_does_not_narrow_the_others_it_is_late_with():
    steps = (Rung(NOW, page=(1,)), Rung(minutes(5), page=(2,), channels=("email",)))
    timings = {**TIMINGS, HIGH: replace(TIMINGS[HIGH], unacknowledged=steps)}
    story = Story(HIGH, policy=replace(POLICY, timings=timings))
    story.incident = replace(story.incident, rung=0)
    story.sleep("0:06")
    assert [len(target.ways) for target in story.events[-1].targets] == [3, 3]


def test_the_resolution_ladder_may_say_which_channels_to_use():
    steps = (Rung(minutes(15), page=(2,), channels=("email",)),)
    timings = {**TIMINGS, HIGH: replace(TIMINGS[HIGH], acknowledged=steps)}
    story = Story(HIGH, policy=replace(POLICY, timings=timings)).at("0:01", acknowledges("ana")).at("0:15")
    assert [[way.channel for way in target.ways] for target in story.events[-1].targets] == [["email"]]


def test_what_is_owed_is_done_in_an_order_that_pages_nobody_needlessly():
    """A void comes before the ladders: it decides which of them is climbed."""
    story = Story(CRITICAL).at("0:01", acknowledges("ana"), assigns("ana", to="ana"), assigns("ana", to="bo"))
    late = START + hours(5)
    assert {kind for _at, kind in owed(story.incident, POLICY)} == {Owed.STALE, Owed.RESOLUTION, Owed.OFFER}
    assert due(story.incident, POLICY, late) == (Owed.STALE, Owed.RESOLUTION, Owed.OFFER)
    warned = replace(story.incident, stale_at=START + minutes(11))
    assert due(warned, POLICY, late) == (Owed.VOID, Owed.RESOLUTION, Owed.OFFER)


def test_nothing_is_due_a_moment_before_the_next_instant():
    incident = Story(CRITICAL).incident
    at = next_due(incident, POLICY)
    assert at == START + minutes(5)
    assert due(incident, POLICY, at) == (Owed.LADDER,)
    assert due(incident, POLICY, at - minutes(0.0001)) == ()


def test_the_next_step_of_a_ladder_with_no_more_steps_is_the_level_above_what_was_paged():
    incident = replace(Story(MEDIUM).incident, rung=2, level=2)
    assert next_step(incident, POLICY, Cause.DECLINED).levels == (3,)
