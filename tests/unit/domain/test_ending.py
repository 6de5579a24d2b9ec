"""Resolving, closing without a fix, reopening: who may, what it takes, what it leaves (R64, RULES.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.promised import MONITOR, claimed, signed_in
from tests.unit.domain.virtual_time import (
    Story,
    accepts,
    acknowledges,
    assigns,
    fires,
    refires,
    reopens,
    resolves,
    sets,
)
from tocsin.domain import commands as cmd
from tocsin.domain.errors import ForbiddenError, InvalidError, NotAllowedNowError
from tocsin.domain.events import Actor, AlertsAttached, Closed, CloseProposed, Reopened, Resolved, RoleAssigned
from tocsin.domain.lifecycle import Phase, Status
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def closes(who: Actor, closed_as: str = "false-alarm", why: str = "a test"):
    return lambda story: cmd.Close(**story.facts(who), closed_as=closed_as, why=why)


def taken(severity: Severity = HIGH, **facts: Any) -> Story:
    """Ana has it and commands."""
    return Story(severity, **facts).at("0:01", acknowledges("ana"))


def test_the_commander_resolves_with_a_signed_statement():
    story = taken()
    [resolved] = story.do(resolves("ana"))
    assert isinstance(resolved, Resolved)
    assert (resolved.why, resolved.actor.person) == ("restarted", "ana")
    incident = story.incident
    assert (incident.phase, incident.status, incident.resolved_at) == (Phase.CLOSED, Status.RESOLVED, story.now)
    assert (incident.resolved_by, incident.closed_as, incident.firing, incident.open_rounds) == ("ana", "", 0, ())


def test_with_no_commander_whoever_resolves_takes_command_first():
    story = Story(HIGH)
    assigned, resolved = story.do(resolves("bo"))
    assert isinstance(resolved, Resolved)
    assert (story.incident.commander, story.incident.acting) == ("bo", False)
    assert (assigned.person, assigned.was) == ("bo", "")


@pytest.mark.parametrize("kind", [cmd.Resolve, cmd.Reopen])
def test_a_statement_without_words_is_none(kind):
    story = taken()
    if kind is cmd.Reopen:
        story.do(resolves("ana"))
    with pytest.raises(InvalidError, match="it was left empty, and nothing was changed"):
        story.do(lambda it: kind(**it.facts(signed_in("ana")), why=" \n"))


@pytest.mark.parametrize("kind", [cmd.Resolve, cmd.Close])
def test_only_a_person_can_sign(kind):
    facts = {"closed_as": "duplicate"} if kind is cmd.Close else {}
    with pytest.raises(InvalidError, match="integration:alertmanager is not a person"):
        Story(HIGH).do(lambda it: kind(**it.facts(MONITOR), why="over", **facts))


@pytest.mark.parametrize("closed_as", ["false-alarm", "duplicate", "merged"])
def test_the_commander_closes_without_a_fix(closed_as):
    story = taken()
    [closed] = story.do(closes(signed_in("ana"), closed_as))
    assert isinstance(closed, Closed)
    assert (closed.closed_as, closed.why, closed.cosigner) == (closed_as, "a test", "")
    assert (story.incident.closed_as, story.incident.resolved_by) == (closed_as, "ana")


def test_nobody_else_does():
    story = taken()
    with pytest.raises(NotAllowedNowError, match=r"ana commands INC-.*, and only the commander closes") as refused:
        story.do(closes(signed_in("bo")))
    assert refused.value.allowed == ("assign", "note")


def test_with_no_commander_whoever_closes_takes_command_first():
    story = Story(HIGH)
    assigned, closed = story.do(closes(signed_in("bo")))
    assert isinstance(assigned, RoleAssigned)
    assert isinstance(closed, Closed)
    assert story.incident.commander == "bo"


def test_there_are_three_ways_to_close_without_a_fix():
    with pytest.raises(InvalidError, match="closes as false-alarm, duplicate, merged, not as 'boredom'"):
        taken().do(closes(signed_in("ana"), "boredom"))


def test_closing_says_why():
    with pytest.raises(InvalidError, match="Closing without a fix says why"):
        taken().do(closes(signed_in("ana"), why=""))


# CRITICAL is closed without a fix only by two people who showed who they are.


def test_the_commanders_word_alone_only_proposes():
    story = taken(CRITICAL)
    for _ in range(2):
        [proposed] = story.do(closes(signed_in("ana")))
        assert isinstance(proposed, CloseProposed)
    assert story.incident.is_open
    assert (story.incident.close_proposed_by, story.incident.close_proposed_as) == ("ana", "false-alarm")


def test_a_second_person_who_says_the_same_closes():
    story = taken(CRITICAL)
    story.do(closes(signed_in("ana")))
    [closed] = story.do(closes(signed_in("bo")))
    assert (closed.actor.person, closed.cosigner) == ("bo", "bo")
    assert story.incident.closed_as == "false-alarm"


def test_without_a_commander_the_first_of_the_two_takes_command():
    story = Story(CRITICAL)
    story.do(closes(signed_in("bo")))
    assert story.incident.commander == "bo"
    story.do(closes(signed_in("cem")))
    assert not story.incident.is_open


def test_a_second_person_who_says_something_else_does_not():
    story = taken(CRITICAL)
    story.do(closes(signed_in("ana")))
    with pytest.raises(NotAllowedNowError):
        story.do(closes(signed_in("bo"), "duplicate"))


def test_one_of_the_two_commands():
    """Ana proposed and then handed over: her word and a bystander's are not enough any more, the new commander's is."""
    story = taken(CRITICAL).at("0:02", assigns("ana", to="ana"), assigns("ana", to="bo"))
    story.do(closes(signed_in("ana")))
    story.do(accepts("bo"))
    with pytest.raises(NotAllowedNowError, match="bo commands"):
        story.do(closes(signed_in("cem")))
    [closed] = story.do(closes(signed_in("bo")))
    assert closed.cosigner == "bo"


@pytest.mark.parametrize("severity", [CRITICAL, HIGH])
def test_a_claimed_name_signs_nothing(severity):
    """RULES.md *Identity and procedures*: neither as the one who ends it nor as the second person."""
    story = taken(severity)
    signs_nothing = "a name given for the record .--as, --by, Tocsin-As. signs nothing"
    with pytest.raises(ForbiddenError, match=signs_nothing):
        story.do(lambda it: cmd.Resolve(**it.facts(claimed("ana")), why="restarted", take_command=True))
    with pytest.raises(ForbiddenError, match=signs_nothing):
        story.do(closes(claimed("ana")))
    if severity is CRITICAL:
        story.do(closes(signed_in("ana")))
        with pytest.raises(ForbiddenError, match=signs_nothing):
            story.do(closes(claimed("bo")))
    assert story.incident.is_open


# Reopening.


def test_reopening_goes_back_into_remediation_and_voids_what_was_signed():
    story = taken(CRITICAL).at("0:10")
    story.do(closes(signed_in("ana")))
    story.do(closes(signed_in("bo")))
    story.at("0:30", reopens("cem"))
    incident = story.incident
    assert (incident.phase, incident.status) == (Phase.REMEDIATION, Status.MITIGATING)
    assert (incident.resolved_at, incident.resolved_by, incident.closed_as) == (None, "", "")
    assert (incident.close_proposed_by, incident.acknowledged_by, incident.commander) == ("", "", "ana")
    assert (incident.anchor_at, incident.climb_from) == (story.now, story.now)
    with pytest.raises(NotAllowedNowError):
        story.do(closes(signed_in("bo")))


def test_the_levels_paged_before_the_end_count_no_more():
    """Level 1 is the next level after a reopening that paged level 2 first."""
    story = taken(CRITICAL).at("0:16", resolves("ana")).at("0:30", reopens("ana"))
    assert (story.incident.level, story.incident.levels_paged) == (2, (2,))


def test_a_level_counts_as_paged_when_its_people_were_addressed_by_name():
    story = Story(HIGH).at("0:01", acknowledges("ana"), resolves("ana")).at("0:05", reopens("ana"))
    assert [target.level for target in story.events[-1].targets] == [0]
    assert story.incident.level == 1


@pytest.mark.parametrize("again", [fires(), refires()])
def test_alerts_that_come_back_reopen_and_say_so(again):
    story = taken().at("0:10", resolves("ana")).at("0:25")
    attached, reopened, _opened = story.do(again)
    assert isinstance(attached, AlertsAttached)
    assert isinstance(reopened, Reopened)
    assert (reopened.by_alert, reopened.actor) == (True, MONITOR)
    assert story.incident.firing == 1


def test_what_was_closed_without_a_fix_stays_closed_when_alerts_come():
    story = taken()
    story.do(closes(signed_in("ana")))
    happened = story.do(fires(2))
    assert [type(event) for event in happened] == [AlertsAttached]
    assert not story.incident.is_open


def test_alerts_that_clear_and_come_back_at_once_are_both_recorded():
    story = taken().at("0:10", resolves("ana"))
    happened = story.do(lambda it: cmd.AttachAlerts(**it.facts(MONITOR), new=2, cleared=1))
    assert [type(event).__name__ for event in happened] == [
        "AlertsCleared",
        "AlertsAttached",
        "Reopened",
        "RoundOpened",
    ]


def test_lowering_before_closing_makes_one_signature_enough():
    story = taken(CRITICAL).at("0:02", sets(HIGH))
    story.do(closes(signed_in("ana")))
    assert not story.incident.is_open
