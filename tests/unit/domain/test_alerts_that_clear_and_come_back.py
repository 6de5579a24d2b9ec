"""All alerts cleared while nobody has it, re-fires, flapping, worse alerts (RULES.md *Alerts into incidents*)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.domain.virtual_time import (
    Story,
    acknowledges,
    assigns,
    clears,
    declines,
    escalates,
    fires,
    refires,
    reopens,
    resolves,
    sets,
)
from tocsin.domain.escalation import next_due
from tocsin.domain.events import FlappingMarked, Resumed
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity
EVERYBODY_CRITICAL = "L2, L3, L4"
EVERYBODY_HIGH = "L1, L2, L3, L4"


def test_critical_keeps_climbing_when_all_has_cleared_because_the_monitor_may_have_died(policy):
    story = Story(CRITICAL, policy=policy).at("0:02", clears()).at("0:20")
    assert story.rounds() == [
        "0:00:00 ladder L2, posted L1",
        "0:05:00 ladder L3",
        "0:10:00 ladder L4",
        f"0:20:00 ladder {EVERYBODY_CRITICAL}",
    ]


@pytest.mark.parametrize(
    ("severity", "cleared", "fired_again", "rounds"),
    [
        (
            HIGH,
            "0:05",
            "0:12",
            [
                "0:12:00 refire L1",
                "0:22:00 ladder L2",
                "0:37:00 ladder L3",
                "0:52:00 ladder L4",
                f"1:07:00 ladder {EVERYBODY_HIGH}",
            ],
        ),
        (
            HIGH,
            "0:20",
            "5:00",
            [
                "0:15:00 ladder L2",
                "5:00:00 refire L2",
                "5:10:00 ladder L3",
                "5:25:00 ladder L4",
                f"5:40:00 ladder {EVERYBODY_HIGH}",
            ],
        ),
        (MEDIUM, "0:30", "0:50", ["0:50:00 refire L1", "1:20:00 ladder L1, L2"]),
        (MEDIUM, "1:30", "2:00", ["1:00:00 ladder L1, L2", "2:00:00 refire L1, L2"]),
    ],
)
def test_others_hold_and_a_refire_goes_on_at_the_same_rung(policy, severity, cleared, fired_again, rounds):
    """The re-fire opens a new round, and the ladder's clock has stood still while it was held."""
    story = Story(severity, policy=policy).at(cleared, clears()).at(fired_again)
    paged_before = story.rounds()
    assert paged_before == ["0:00:00 ladder L1", *rounds][: len(paged_before)]
    story.do(refires())
    story.at(rounds[-1].split()[0])
    assert story.rounds() == ["0:00:00 ladder L1", *rounds]


@pytest.mark.parametrize("severity", [HIGH, MEDIUM, LOW])
def test_while_it_is_held_time_alone_pages_nobody(policy, severity):
    story = Story(severity, policy=policy).at("0:01", clears())
    paged = story.rounds()
    assert next_due(story.incident, policy) is None
    assert story.at("200:00").rounds() == paged


def test_a_new_alert_resumes_a_held_ladder_too(policy):
    story = Story(HIGH, policy=policy).at("0:05", clears()).at("0:12", fires()).at("0:22")
    assert story.rounds()[1:] == ["0:12:00 refire L1", "0:22:00 ladder L2"]


def test_as_long_as_one_alert_fires_nothing_is_held(policy):
    story = Story(HIGH, policy=policy)
    story.do(fires(2))
    story.at("0:02", clears(2)).at("0:15")
    assert story.rounds() == ["0:00:00 ladder L1", "0:15:00 ladder L2"]


def test_clearing_twice_does_not_begin_the_hold_anew(policy):
    story = Story(HIGH, policy=policy).at("0:05", clears()).at("0:11", clears()).at("0:12", refires()).at("0:22")
    assert story.rounds()[1:] == ["0:12:00 refire L1", "0:22:00 ladder L2"]


def test_what_a_person_reported_is_not_over_because_an_alert_is(policy):
    story = Story(HIGH, policy=policy, origin="person").at("0:01", fires()).at("0:02", clears()).at("0:15")
    assert story.rounds()[1:] == ["0:15:00 ladder L2"]


def test_the_hold_ends_when_somebody_takes_it(policy):
    story = Story(HIGH, policy=policy).at("0:05", clears()).at("0:10", acknowledges("ana")).busy("0:30")
    assert story.rounds()[1:] == ["0:15:00 resolution posted L2", "0:30:00 resolution L2"]


def test_what_clears_after_somebody_took_it_does_not_hold_what_resumes_when_they_fall_silent(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:02", clears()).at("0:45")
    assert story.rounds()[-2:] == ["0:36:00 ladder L2, L3", "0:45:00 ladder L4"]


def test_people_can_still_page_while_it_is_held(policy):
    story = Story(HIGH, policy=policy).at("0:05", clears()).at("0:06", escalates("ana", 3), declines("cem"))
    assert story.rounds()[1:] == ["0:06:00 escalated L3", "0:06:00 declined L2"]


def test_lowering_while_it_is_held_counts_only_the_time_before_the_hold(policy):
    story = Story(HIGH, policy=policy).at("0:05", clears()).at("1:10", sets(MEDIUM)).at("1:20", refires())
    story.at("24:00")
    assert story.rounds() == ["0:00:00 ladder L1", "1:20:00 refire L1", "2:15:00 ladder L1, L2"]


def test_a_low_incident_that_fires_again_at_night_still_waits_for_the_business_day(policy):
    start = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
    story = Story(LOW, policy=policy, start=start).at("0:10", clears()).at("0:20", refires()).at("100:00")
    assert story.rounds() == ["31:00:00 ladder L1"]


# Flapping: three flaps within half an hour.


def flapping(policy, *refired: str) -> Story:
    """A HIGH incident that clears one minute before each of these instants, and fires again."""
    story = Story(HIGH, policy=policy)
    for at in refired:
        hours, minutes = at.split(":")
        story.at(f"{hours}:{int(minutes) - 1}", clears()).at(at, refires())
    return story


def test_the_third_flap_marks_the_incident_and_is_the_last_that_opens_a_round(policy):
    """The clear before it has stopped every page that was still on its way, so this one must not be silent."""
    story = flapping(policy, "0:04", "0:08", "0:12")
    assert story.incident.flapping
    assert [event.flaps for event in story.events if isinstance(event, FlappingMarked)] == [3]
    opened = ["0:00:00 ladder L1", "0:04:00 refire L1", "0:08:00 refire L1", "0:12:00 refire L1"]
    assert story.rounds() == opened
    assert story.at("0:13", clears()).at("0:14", refires()).rounds() == opened
    assert story.incident.open_rounds == (4,)


def test_a_ladder_that_has_ended_is_not_silenced_by_the_flap_that_marks_the_incident(policy):
    story = Story(MEDIUM, policy=policy).at("1:00")
    for minute in (1, 3, 5):
        story.at(f"1:0{minute}", clears()).at(f"1:0{minute + 1}", refires())
    assert story.incident.flapping
    assert story.rounds()[-1] == "1:06:00 refire L1, L2"


def test_a_flapping_incident_holds_no_more_and_its_ladder_goes_on(policy):
    """It was held for three minutes before it was marked; from then on neither clears nor re-fires touch the clock."""
    story = flapping(policy, "0:04", "0:08", "0:12", "0:16").at("0:17", clears()).at("0:48")
    assert story.rounds()[4:] == ["0:18:00 ladder L2", "0:33:00 ladder L3", "0:48:00 ladder L4"]
    assert sum(isinstance(event, Resumed) for event in story.events) == 3
    assert sum(isinstance(event, FlappingMarked) for event in story.events) == 1


def test_flaps_further_apart_are_none(policy):
    story = flapping(policy, "0:04", "0:20", "0:34", "0:51")
    assert not story.incident.flapping
    assert [row for row in story.rounds() if "refire" in row] == [
        "0:04:00 refire L1",
        "0:20:00 refire L2",
        "0:34:00 refire L3",
        "0:51:00 refire L4",
    ]


def test_critical_flaps_are_counted_though_nothing_is_held(policy):
    story = Story(CRITICAL, policy=policy)
    for minute in range(1, 7, 2):
        story.at(f"0:0{minute}", clears()).at(f"0:0{minute + 1}", refires())
    assert story.incident.flapping
    assert story.rounds() == ["0:00:00 ladder L2, posted L1", "0:05:00 ladder L3"]


def test_a_worse_alert_pages_a_flapping_incident_too(policy):
    story = flapping(policy, "0:04", "0:08", "0:12").at("0:13", fires(worst=CRITICAL))
    assert story.rounds()[-1] == "0:13:00 ladder L2, posted L1"


# Joining alerts.


def test_joining_alerts_page_nobody_unless_they_are_worse(policy):
    story = Story(MEDIUM, policy=policy).at("0:05", fires(7, MEDIUM), fires(1, LOW))
    assert story.rounds() == ["0:00:00 ladder L1"]
    story.at("0:06", fires(1, HIGH))
    assert story.incident.severity is HIGH
    assert story.rounds()[1:] == ["0:06:00 ladder L1"]


def test_a_worse_alert_on_a_held_incident_pages_once(policy):
    story = Story(MEDIUM, policy=policy).at("0:05", clears()).at("0:09", fires(1, CRITICAL)).at("0:14")
    assert story.rounds()[1:] == ["0:09:00 ladder L2, posted L1", "0:14:00 ladder L3"]


# Reopening: it was not over.


def solved(policy, **facts) -> Story:
    """HIGH, taken after a minute and resolved after ten by Ana."""
    return Story(HIGH, policy=policy, **facts).at("0:01", acknowledges("ana")).at("0:10", resolves("ana"))


def test_nothing_is_owed_after_the_end(policy):
    story = solved(policy)
    assert next_due(story.incident, policy) is None
    assert story.at("100:00").rounds() == ["0:00:00 ladder L1"]


@pytest.mark.parametrize("again", [fires(), refires(), reopens("cem")])
def test_reopening_pages_the_commander_and_the_last_responder_and_restarts_the_clocks(policy, again):
    story = solved(policy).at("0:25", again).at("1:25")
    assert story.rounds()[1:] == [
        "0:25:00 reopened ana",
        "0:40:00 ladder L2",
        "0:55:00 ladder L3",
        "1:10:00 ladder L4",
        f"1:25:00 ladder {EVERYBODY_HIGH}",
    ]


def test_the_last_responders_are_all_who_took_part_in_answering_it(policy):
    """Who had it and lost it, who answered a round beside them, and who was given the role; a bystander is not."""
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:02", acknowledges("cem"))
    story.do(assigns("ana", to="bo", role=Role.RESPONDER))
    story.do(assigns("ana", to="dee", role=Role.SME))
    story.at("0:10", resolves("ana")).at("0:12", reopens("zoe"))
    assert story.rounds()[1:] == ["0:12:00 reopened ana, cem, bo"]
    story.at("0:13", acknowledges("ana"), resolves("ana")).at("0:14", reopens("zoe"))
    assert story.rounds()[2:] == ["0:14:00 reopened ana, bo"]


def test_reopening_pages_the_ladders_first_step_in_the_same_round(policy):
    story = Story(HIGH, policy=policy).at("0:16", acknowledges("bo")).at("0:20", resolves("bo"))
    assert story.at("0:25", refires()).rounds()[-1] == "0:25:00 reopened bo, L1"
    critical = Story(CRITICAL, policy=policy).at("0:06", acknowledges("cem")).at("0:10", resolves("cem"))
    assert critical.at("0:25", refires()).rounds()[-1] == "0:25:00 reopened cem, L2, posted L1"


def test_the_resolution_clock_restarts_too(policy):
    story = solved(policy).at("3:00", reopens("ana")).at("3:01", acknowledges("ana")).busy("7:00")
    assert story.rounds()[2:] == [
        "3:15:00 resolution posted L2",
        "3:30:00 resolution L2",
        "5:00:00 resolution L3",
        "7:00:00 resolution L4",
    ]


def test_what_comes_back_worse_is_raised_in_the_same_round(policy):
    story = solved(policy).at("0:25", fires(1, CRITICAL)).at("0:35")
    assert story.incident.severity is CRITICAL
    assert story.rounds()[1:] == ["0:25:00 reopened ana, L2", "0:30:00 ladder L3", "0:35:00 ladder L4"]


def test_what_comes_back_milder_stays_as_bad_as_it_was(policy):
    story = solved(policy).at("0:25", fires(1, LOW))
    assert story.incident.severity is HIGH


def test_a_low_incident_that_comes_back_pages_who_knows_it_and_waits_with_the_ladder(policy):
    story = Story(LOW, policy=policy).at("0:01", acknowledges("ana")).at("0:10", resolves("ana"))
    story.at("0:25", refires()).at("100:00")
    assert story.rounds() == ["0:25:00 reopened ana", "19:00:00 ladder L1"]


def test_alerts_that_clear_after_the_end_reopen_nothing(policy):
    story = solved(policy).at("0:12", clears())
    assert not story.incident.is_open
    assert len(story.rounds()) == 1


def test_flaps_before_the_end_do_not_count_after_it(policy):
    story = flapping(policy, "0:04", "0:08", "0:12").at("0:13", acknowledges("ana"), resolves("ana"))
    story.at("0:15", refires())
    assert not story.incident.flapping
    assert story.at("0:16", clears()).at("0:17", refires()).rounds()[-1] == "0:17:00 refire L1"
