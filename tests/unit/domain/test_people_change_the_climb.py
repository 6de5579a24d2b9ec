"""Who cannot take it, and who asks for more: the next is paged at once (RULES.md *Two clocks*)."""

from __future__ import annotations

import pytest

from tests.unit.domain.promised import ANA, BO, CEM, DEE, PEOPLE
from tests.unit.domain.virtual_time import Story, acknowledges, declines, escalates, gives_up
from tocsin.domain.events import Declined
from tocsin.domain.people import Roster
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity
EVERYBODY_CRITICAL = "L2, L3, L4"
EVERYBODY_HIGH = "L1, L2, L3, L4"


@pytest.mark.parametrize(
    ("declined", "rounds"),
    [
        ("0:03", ["0:03:00 declined L2", "0:30:00 ladder L3", "0:45:00 ladder L4"]),
        ("0:20", ["0:15:00 ladder L2", "0:20:00 declined L3", "0:45:00 ladder L4"]),
    ],
)
def test_declining_a_page_takes_the_next_step_at_once(policy, declined, rounds):
    story = Story(HIGH, policy=policy).at(declined, declines("ana")).at("1:00")
    assert story.rounds() == ["0:00:00 ladder L1", *rounds, f"1:00:00 ladder {EVERYBODY_HIGH}"]


def test_declining_what_one_has_gives_it_up(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:03", declines("ana")).at("0:30")
    assert not story.incident.is_acknowledged
    assert story.rounds() == ["0:00:00 ladder L1", "0:03:00 declined L2", "0:30:00 ladder L3"]


def test_declining_late_pages_the_overdue_steps_together(policy):
    story = Story(CRITICAL, policy=policy).at("0:04", acknowledges("bo")).at("0:12", declines("bo")).at("0:20")
    assert story.rounds()[1:] == ["0:12:00 ladder L3, L4", f"0:20:00 ladder {EVERYBODY_CRITICAL}"]


def test_declining_among_the_repeats_takes_none_of_them_away(policy):
    story = Story(CRITICAL, policy=policy).at("0:12", declines("bo")).at("0:30")
    assert story.rounds()[3:] == [
        f"0:12:00 declined {EVERYBODY_CRITICAL}",
        f"0:20:00 ladder {EVERYBODY_CRITICAL}",
        f"0:30:00 ladder {EVERYBODY_CRITICAL}",
    ]


def test_declining_where_the_ladder_has_ended_goes_up_level_by_level(policy):
    story = Story(MEDIUM, policy=policy).at("1:30", declines("bo")).at("1:31", declines("cem"))
    story.at("1:32", declines("dee")).at("24:00")
    assert story.rounds()[2:] == ["1:30:00 declined L3", "1:31:00 declined L4", "1:32:00 declined L4"]


def test_declining_while_somebody_else_has_it_pages_nobody(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:02", declines("bo"))
    assert story.rounds() == ["0:00:00 ladder L1"]


@pytest.mark.parametrize(
    ("levels", "who", "then"),
    [((3,), "cem", ["0:02:00 declined L4"]), ((3, 4), "cem", []), ((4,), "dee", [])],
)
def test_who_alone_was_asked_to_help_and_cannot_is_replaced_by_the_level_above(policy, levels, who, then):
    """Somebody else has it and keeps it; who is being woken already is not woken again, and above the top is nobody."""
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana"), *(escalates("ana", level) for level in levels))
    asked = story.rounds()
    story.at("0:02", declines(who))
    assert story.rounds() == [*asked, *then]
    assert story.incident.acknowledged_by == "ana"


def test_a_step_of_the_resolution_ladder_that_is_declined_goes_to_the_level_above(policy):
    story = Story(CRITICAL, policy=policy).at("0:01", acknowledges("bo")).busy("0:16", "bo").at("0:16", declines("cem"))
    assert story.rounds()[1:] == ["0:15:00 resolution L3", "0:16:00 declined L4"]


def test_as_long_as_somebody_else_is_asked_to_help_nobody_more_is(policy):
    two = Roster(levels={1: (ANA,), 2: (BO, CEM), 3: (DEE,)}, people=PEOPLE)
    story = Story(HIGH, policy=policy, roster=two).at("0:01", acknowledges("ana"), escalates("ana", 2), declines("bo"))
    assert story.rounds()[1:] == ["0:01:00 escalated L2"]
    story.do(declines("cem"))
    assert story.rounds()[2:] == ["0:01:00 declined L3"]


def test_declining_again_is_recorded_and_climbs_no_further(policy):
    """A button pressed twice, or pressed by somebody who was not asked."""
    story = Story(HIGH, policy=policy).at("0:03", declines("ana"), declines("ana"), declines("dee"))
    assert story.rounds() == ["0:00:00 ladder L1", "0:03:00 declined L2"]
    assert [event.person for event in story.events if isinstance(event, Declined)] == ["ana", "ana", "dee"]
    story.at("0:04", acknowledges("bo"), declines("bo"), declines("bo"))
    assert story.rounds()[2:] == ["0:04:00 declined L3"]


def test_escalating_pages_the_level_above_at_once_and_leaves_the_ladder_alone(policy):
    """R79, decision O: levels may be jumped upwards."""
    story = Story(HIGH, policy=policy).at("0:03", escalates("ana")).at("0:04", escalates("ana", 4)).at("0:30")
    assert story.rounds() == [
        "0:00:00 ladder L1",
        "0:03:00 escalated L2",
        "0:04:00 escalated L4",
        "0:15:00 ladder L2",
        "0:30:00 ladder L3",
    ]


def test_escalating_above_the_top_pages_the_top_again(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana"), escalates("ana", 4), escalates("ana"))
    assert story.rounds()[1:] == ["0:01:00 escalated L4", "0:01:00 escalated L4"]


def test_new_rounds_after_a_shift_change_go_to_whoever_comes_in(policy):
    story = Story(HIGH, policy=policy).at("0:10")
    story.roster = Roster(levels={1: (BO,), 2: (CEM,), 3: (DEE,), 4: (ANA,)}, people=PEOPLE)
    story.at("0:15")
    assert [target.person for target in story.events[-1].targets] == ["cem"]


@pytest.mark.parametrize(
    ("then", "cause"),
    [(gives_up(1), "unreachable"), (declines("ana"), "declined"), (escalates("bo", 2), "escalated")],
)
def test_what_is_only_mailed_is_only_mailed_to_the_level_above_too(policy, then, cause):
    """LOW wakes nobody at night because somebody else's mail bounced; a person who escalates means to."""
    story = Story(LOW, policy=policy).at("19:00", then)
    [target] = story.events[-1].targets
    assert story.rounds()[1:] == [f"19:00:00 {cause} L2"]
    assert ([way.channel for way in target.ways] == ["email"]) is (cause != "escalated")


def test_help_that_is_declined_in_what_is_only_mailed_is_looked_for_by_mail(policy):
    story = Story(LOW, policy=policy).at("0:01", acknowledges("ana"), escalates("ana", 2), declines("bo"))
    assert story.rounds()[1:] == ["0:01:00 declined L3"]
    assert [way.channel for way in story.events[-1].targets[0].ways] == ["email"]
