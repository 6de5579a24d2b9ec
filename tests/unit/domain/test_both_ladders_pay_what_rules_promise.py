"""RULES.md *Two clocks*, each severity, to the second: who is paged when if nobody answers, and if somebody does.

A round reads "0:15:00 ladder L2, posted L1": the time since the declaration, why, who is woken, who is only told. The
clock looks exactly when `next_due` says, and one microsecond earlier nothing may be owed (`virtual_time`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.domain.promised import TIMINGS
from tests.unit.domain.virtual_time import Story, acknowledges, escalates, fires, note, sets, span
from tocsin.domain.events import RoundOpened
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity

EVERYBODY_CRITICAL = "L2, L3, L4"
EVERYBODY_HIGH = "L1, L2, L3, L4"


def test_the_pack_that_ships_promises_what_the_rules_say(claudex_policy):
    assert claudex_policy.timings == TIMINGS


UNACKNOWLEDGED = [
    (
        CRITICAL,
        "1:00",
        [
            "0:00:00 ladder L2, posted L1",
            "0:05:00 ladder L3",
            "0:10:00 ladder L4",
            *(f"{at} ladder {EVERYBODY_CRITICAL}" for at in ("0:20:00", "0:30:00", "0:40:00", "0:50:00", "1:00:00")),
        ],
    ),
    (
        HIGH,
        "1:30",
        [
            "0:00:00 ladder L1",
            "0:15:00 ladder L2",
            "0:30:00 ladder L3",
            "0:45:00 ladder L4",
            *(f"{at} ladder {EVERYBODY_HIGH}" for at in ("1:00:00", "1:15:00", "1:30:00")),
        ],
    ),
    (MEDIUM, "72:00", ["0:00:00 ladder L1", "1:00:00 ladder L1, L2"]),
    (LOW, "72:00", ["19:00:00 ladder L1"]),
]


@pytest.mark.parametrize(("severity", "until", "rounds"), UNACKNOWLEDGED)
def test_while_nobody_acknowledges_the_first_ladder_climbs(policy, severity, until, rounds):
    """R8-R12, decisions A-D."""
    assert Story(severity, policy=policy).at(until).rounds() == rounds


@pytest.mark.parametrize("severity", list(Severity))
def test_a_reported_incident_climbs_like_one_from_an_alert(policy, severity):
    """R19"""
    reported, alerted = (Story(severity, policy=policy, origin=origin).at("6:00") for origin in ("person", "alert"))
    assert reported.rounds() == alerted.rounds()


def test_a_level_is_the_people_who_are_on_call_for_it(policy):
    story = Story(CRITICAL, policy=policy).at("0:20")
    opened = [event for event in story.events if isinstance(event, RoundOpened)]
    assert [[target.person for target in event.targets] for event in opened] == [
        ["bo"],
        ["cem"],
        ["dee"],
        ["bo", "cem", "dee"],
    ]
    assert [[post.person for post in event.posts] for event in opened] == [["ana"], [], [], []]
    assert [event.round for event in opened] == [1, 2, 3, 4]


@pytest.mark.parametrize(("severity", "first", "every", "whole"), [(CRITICAL, 20, 10, 3), (HIGH, 60, 15, 4)])
def test_the_whole_ladder_repeats_for_hours(policy, severity, first, every, whole):
    story = Story(severity, policy=policy).at("12:00")
    repeats = [event for event in story.events if isinstance(event, RoundOpened)][whole:]
    minutes = [(event.at - story.start).total_seconds() / 60 for event in repeats]
    assert minutes == [*range(first, 12 * 60 + 1, every)]
    assert {event.levels for event in repeats} == {(2, 3, 4) if severity is CRITICAL else (1, 2, 3, 4)}


@pytest.mark.parametrize(
    ("declared_at", "mailed_at"),
    [
        ("2026-11-19T14:00", "2026-11-20T09:00"),
        ("2026-11-20T03:00", "2026-11-23T09:00"),
        ("2026-11-21T12:00", "2026-11-23T09:00"),
        ("2026-12-24T18:00", "2026-12-28T09:00"),
    ],
)
def test_low_is_mailed_on_the_next_business_day(claudex_policy, declared_at, mailed_at):
    """R11: weekends and the pack's holidays are no business days."""
    story = Story(LOW, policy=claudex_policy, start=datetime.fromisoformat(declared_at).replace(tzinfo=UTC))
    story.at("240:00")
    [opened] = [event for event in story.events if isinstance(event, RoundOpened)]
    assert opened.at == datetime.fromisoformat(mailed_at).replace(tzinfo=UTC)
    assert [(target.person, [way.channel for way in target.ways]) for target in opened.targets] == [("ana", ["email"])]


ACKNOWLEDGED = [
    (CRITICAL, "0:01", ["0:15:00 resolution L3", "4:00:00 resolution L4"]),
    (CRITICAL, "0:07", ["0:05:00 ladder L3", "0:15:00 resolution L3", "4:00:00 resolution L4"]),
    (
        CRITICAL,
        "0:12",
        ["0:05:00 ladder L3", "0:10:00 ladder L4", "0:15:00 resolution L3", "4:00:00 resolution L4"],
    ),
    (
        CRITICAL,
        "0:25",
        [
            "0:05:00 ladder L3",
            "0:10:00 ladder L4",
            f"0:20:00 ladder {EVERYBODY_CRITICAL}",
            "4:00:00 resolution L4",
        ],
    ),
    (
        HIGH,
        "0:01",
        [
            "0:15:00 resolution posted L2",
            "0:30:00 resolution L2",
            "2:00:00 resolution L3",
            "4:00:00 resolution L4",
        ],
    ),
    (
        HIGH,
        "0:20",
        ["0:15:00 ladder L2", "0:30:00 resolution L2", "2:00:00 resolution L3", "4:00:00 resolution L4"],
    ),
    (
        HIGH,
        "0:40",
        ["0:15:00 ladder L2", "0:30:00 ladder L3", "2:00:00 resolution L3", "4:00:00 resolution L4"],
    ),
    (MEDIUM, "0:30", ["2:00:00 resolution L2", "4:00:00 resolution L3"]),
    (MEDIUM, "1:30", ["1:00:00 ladder L1, L2", "2:00:00 resolution L2", "4:00:00 resolution L3"]),
    (MEDIUM, "3:00", ["1:00:00 ladder L1, L2", "4:00:00 resolution L3"]),
    (MEDIUM, "5:00", ["1:00:00 ladder L1, L2", "5:00:00 resolution L3"]),
    (LOW, "0:10", []),
    (LOW, "30:00", ["19:00:00 ladder L1"]),
]

AT_ONCE = {
    CRITICAL: ["0:00:00 ladder L2, posted L1"],
    HIGH: ["0:00:00 ladder L1"],
    MEDIUM: ["0:00:00 ladder L1"],
    LOW: [],
}


@pytest.mark.parametrize(("severity", "acknowledged", "rounds"), ACKNOWLEDGED)
def test_once_somebody_has_it_only_the_resolution_ladder_climbs(policy, severity, acknowledged, rounds):
    """R13, R14, R71-R76: its clock counts from the declaration; what is past pages only levels not paged yet."""
    story = Story(severity, policy=policy).at(acknowledged, acknowledges("ana")).busy("48:00", every="0:09")
    assert story.rounds() == AT_ONCE[severity] + rounds


def test_a_step_that_comes_due_the_moment_somebody_takes_it_is_paged(policy):
    """Only what came due before the acknowledgement leaves out levels that were paged already."""
    story = Story(CRITICAL, policy=policy).at("0:15", acknowledges("ana"))
    assert story.rounds()[1:] == ["0:05:00 ladder L3", "0:10:00 ladder L4", "0:15:00 resolution L3"]


@pytest.mark.parametrize("acknowledged", ["4:30", "4:39:59"])
def test_an_acknowledgement_after_every_level_was_paged_is_followed_by_silence(policy, acknowledged):
    story = Story(CRITICAL, policy=policy).at(acknowledged, acknowledges("dee"))
    paged = story.rounds()
    assert paged[-1] == f"4:30:00 ladder {EVERYBODY_CRITICAL}"
    assert story.busy("12:00").rounds() == paged


def test_medium_reaches_level_4_by_hand_only(policy):
    story = Story(MEDIUM, policy=policy).at("0:30", acknowledges("ana")).busy("6:00", every="1:00")
    assert "L4" not in " ".join(story.rounds())
    story.do(escalates("ana", 4))
    assert story.rounds()[-1] == "6:00:00 escalated L4"


@pytest.mark.parametrize(
    ("down_until", "rounds"),
    [
        ("0:07", ["0:07:00 ladder L3", "0:10:00 ladder L4", f"0:20:00 ladder {EVERYBODY_CRITICAL}"]),
        ("0:12", ["0:12:00 ladder L3, L4", f"0:20:00 ladder {EVERYBODY_CRITICAL}"]),
        ("0:23", [f"0:23:00 ladder {EVERYBODY_CRITICAL}"]),
    ],
)
def test_steps_that_came_due_while_nobody_looked_are_paged_together_in_one_round(policy, down_until, rounds):
    story = Story(CRITICAL, policy=policy).sleep(down_until).at("0:29")
    assert story.rounds() == AT_ONCE[CRITICAL] + rounds


def test_after_a_long_sleep_the_repeats_keep_to_the_ladders_own_clock(policy):
    story = Story(HIGH, policy=policy).sleep("9:52").at("10:00")
    assert story.rounds()[1:] == [f"9:52:00 ladder {EVERYBODY_HIGH}", f"10:00:00 ladder {EVERYBODY_HIGH}"]


# A change of severity recomputes every deadline (R16).


def test_raising_starts_the_first_ladder_of_the_new_severity_at_its_first_level(policy):
    story = Story(MEDIUM, policy=policy).at("0:30", sets(CRITICAL)).at("0:55")
    assert story.rounds() == [
        "0:00:00 ladder L1",
        "0:30:00 ladder L2, posted L1",
        "0:35:00 ladder L3",
        "0:40:00 ladder L4",
        f"0:50:00 ladder {EVERYBODY_CRITICAL}",
    ]


def test_raising_voids_the_acknowledgement(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:20", fires(worst=CRITICAL))
    assert (story.incident.acknowledged_by, story.incident.severity) == ("", CRITICAL)
    story.at("0:32", acknowledges("bo")).busy("6:00", "bo")
    assert story.rounds() == [
        "0:00:00 ladder L1",
        "0:15:00 resolution posted L2",
        "0:20:00 ladder L2, posted L1",
        "0:25:00 ladder L3",
        "0:30:00 ladder L4",
        "4:00:00 resolution L4",
    ]


def test_the_resolution_ladder_counts_from_the_declaration_after_a_raise_too(policy):
    """+15 L3 has passed when somebody takes it at last, and level 3 has heard nothing yet: it is paged at once."""
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:20", sets(CRITICAL))
    story.at("0:21", acknowledges("bo")).busy("6:00", "bo")
    assert story.rounds()[2:] == [
        "0:20:00 ladder L2, posted L1",
        "0:21:00 resolution L3",
        "4:00:00 resolution L4",
    ]


@pytest.mark.parametrize(
    ("lowered", "rounds"),
    [
        ("0:07", ["0:05:00 ladder L3", "0:15:00 ladder L2", "0:30:00 ladder L3", "0:45:00 ladder L4"]),
        (
            "0:22",
            [
                "0:05:00 ladder L3",
                "0:10:00 ladder L4",
                f"0:20:00 ladder {EVERYBODY_CRITICAL}",
                "0:30:00 ladder L3",
                "0:45:00 ladder L4",
            ],
        ),
    ],
)
def test_lowering_goes_on_with_the_new_ladder_and_pages_nobody_for_what_is_past(policy, lowered, rounds):
    story = Story(CRITICAL, policy=policy).at(lowered, sets(HIGH)).at("1:10")
    assert story.rounds() == [*AT_ONCE[CRITICAL], *rounds, f"1:00:00 ladder {EVERYBODY_HIGH}"]


def test_lowering_past_the_end_of_the_ladder_is_followed_by_silence(policy):
    story = Story(HIGH, policy=policy).at("1:02", sets(MEDIUM))
    paged = story.rounds()
    assert story.at("24:00").rounds() == paged


@pytest.mark.parametrize(
    ("severity", "rounds"),
    [
        (HIGH, ["0:30:00 resolution L2", "2:00:00 resolution L3", "4:00:00 resolution L4"]),
        (MEDIUM, ["2:00:00 resolution L2", "4:00:00 resolution L3"]),
        (LOW, []),
    ],
)
def test_lowering_keeps_the_acknowledgement_and_the_resolution_clock(policy, severity, rounds):
    story = Story(CRITICAL, policy=policy).at("0:01", acknowledges("ana")).busy("0:20").at("0:20", sets(severity))
    story.busy("12:00")
    assert story.incident.acknowledged_by == "ana"
    assert story.rounds() == [*AT_ONCE[CRITICAL], "0:15:00 resolution L3", *rounds]


def test_after_raising_and_lowering_the_first_ladder_counts_from_the_raise(policy):
    story = Story(MEDIUM, policy=policy).at("0:30", sets(CRITICAL)).at("0:42", sets(HIGH)).at("1:31")
    assert story.rounds()[2:] == [
        "0:35:00 ladder L3",
        "0:40:00 ladder L4",
        "0:45:00 ladder L2",
        "1:00:00 ladder L3",
        "1:15:00 ladder L4",
        f"1:30:00 ladder {EVERYBODY_HIGH}",
    ]


@pytest.mark.parametrize("severity", list(Severity))
def test_confirming_the_severity_changes_no_deadline(policy, severity):
    untouched = Story(severity, policy=policy).at("6:00").rounds()
    confirmed = Story(severity, policy=policy).at("0:08", sets(severity)).at("0:33", sets(severity)).at("6:00")
    assert confirmed.rounds() == untouched


def test_a_confirmation_that_comes_first_pages_what_is_overdue(policy):
    story = Story(CRITICAL, policy=policy)
    story.now = story.start.replace(minute=6)
    story.do(sets(CRITICAL))
    assert story.rounds()[1:] == ["0:06:00 ladder L3"]


# Acknowledgements go stale: who has it is paged again, and five minutes later the first ladder resumes.

STALE = [
    (
        CRITICAL,
        "0:01",
        [
            "0:11:00 stale ana",
            "0:15:00 resolution L3",
            "0:16:00 ladder L3, L4",
            f"0:20:00 ladder {EVERYBODY_CRITICAL}",
            f"0:30:00 ladder {EVERYBODY_CRITICAL}",
        ],
    ),
    (
        CRITICAL,
        "0:12",
        [
            "0:05:00 ladder L3",
            "0:10:00 ladder L4",
            "0:15:00 resolution L3",
            "0:22:00 stale ana",
            f"0:27:00 ladder {EVERYBODY_CRITICAL}",
            f"0:30:00 ladder {EVERYBODY_CRITICAL}",
        ],
    ),
    (
        HIGH,
        "0:01",
        [
            "0:15:00 resolution posted L2",
            "0:30:00 resolution L2",
            "0:31:00 stale ana",
            "0:36:00 ladder L2, L3",
            "0:45:00 ladder L4",
            f"1:00:00 ladder {EVERYBODY_HIGH}",
        ],
    ),
    (MEDIUM, "0:10", ["2:00:00 resolution L2", "2:10:00 stale ana", "2:15:00 ladder L1, L2"]),
    (MEDIUM, "1:10", ["1:00:00 ladder L1, L2", "2:00:00 resolution L2", "3:10:00 stale ana", "3:15:00 ladder L1, L2"]),
    (LOW, "0:10", []),
]


@pytest.mark.parametrize(("severity", "acknowledged", "rounds"), STALE)
def test_who_acknowledged_and_fell_silent_is_paged_again_and_then_the_first_ladder_resumes(
    policy, severity, acknowledged, rounds
):
    until = {CRITICAL: "0:30", HIGH: "1:00", MEDIUM: "24:00", LOW: "18:00"}[severity]
    story = Story(severity, policy=policy).at(acknowledged, acknowledges("ana")).at(until)
    assert story.rounds() == AT_ONCE[severity] + rounds
    assert story.incident.is_acknowledged is (severity is LOW)


@pytest.mark.parametrize("acknowledged", ["0:00:01", "0:14", "0:46", "1:10", "2:05"])
@pytest.mark.parametrize("severity", [CRITICAL, HIGH, MEDIUM])
def test_a_voided_acknowledgement_always_pages_at_once(policy, severity, acknowledged):
    """When no step is overdue, the step the ladder stands on is paged again."""
    timings = policy.timings[severity]
    voided = span(acknowledged) + timings.stale_after + timings.void_after
    story = Story(severity, policy=policy).at(acknowledged, acknowledges("ana")).at(str(voided))
    assert story.rounds()[-1].startswith(f"{voided} ladder L")


@pytest.mark.parametrize("who", ["ana", "dee"])
def test_any_word_of_a_person_after_the_warning_starts_the_silence_anew(policy, who):
    story = Story(CRITICAL, policy=policy).at("0:01", acknowledges("ana")).at("0:13", note(who)).at("0:28")
    assert story.rounds()[1:] == [
        "0:11:00 stale ana",
        "0:15:00 resolution L3",
        "0:23:00 stale ana",
        f"0:28:00 ladder {EVERYBODY_CRITICAL}",
    ]


def test_answering_the_warning_keeps_it(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:35:59", acknowledges("ana")).at("1:05")
    assert story.incident.acknowledged_by == "ana"
    assert story.rounds()[-1] == "0:31:00 stale ana"


def test_what_a_machine_says_is_no_sign_of_life(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana")).at("0:20", fires()).at("0:36")
    assert story.rounds()[-2:] == ["0:31:00 stale ana", "0:36:00 ladder L2, L3"]


def test_a_node_that_was_down_still_warns_before_it_voids(policy):
    story = Story(CRITICAL, policy=policy).at("0:01", acknowledges("ana")).sleep("1:00").at("1:05")
    assert story.rounds()[1:] == [
        "1:00:00 stale ana",
        "1:00:00 resolution L3",
        f"1:05:00 ladder {EVERYBODY_CRITICAL}",
    ]


def test_a_stale_acknowledgement_can_be_voided_again_and_again(policy):
    story = Story(HIGH, policy=policy)
    for at in ("0:01", "1:01", "2:01"):
        story.at(at, acknowledges("ana"))
    story.at("2:36")
    assert [row for row in story.rounds() if "stale" in row] == [
        "0:31:00 stale ana",
        "1:31:00 stale ana",
        "2:31:00 stale ana",
    ]
    assert story.rounds()[-1] == f"2:36:00 ladder {EVERYBODY_HIGH}"
