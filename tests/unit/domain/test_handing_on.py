"""A person may hand on: the giver keeps it until the taker accepts (R2, RULES.md *Two clocks*)."""

from __future__ import annotations

import pytest

from tests.unit.domain.promised import claimed
from tests.unit.domain.virtual_time import (
    Story,
    accepts,
    acknowledges,
    asks,
    assigns,
    declines,
    note,
    resolves,
)
from tocsin.domain import commands as cmd
from tocsin.domain.errors import NotAllowedNowError
from tocsin.domain.events import Acknowledged, RoleAssigned, RoleOffered
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def commanded(policy, severity=HIGH) -> Story:
    """Ana has acknowledged after a minute and has been named commander."""
    story = Story(severity, policy=policy).at("0:01", acknowledges("ana"), assigns("ana", to="ana"))
    assert (story.incident.commander, story.incident.acting) == ("ana", False)
    return story


def offered(policy, severity=HIGH) -> Story:
    """Two minutes in, Ana asks Bo to take over."""
    return commanded(policy, severity).at("0:02", assigns("ana", to="bo"))


def test_the_first_to_acknowledge_is_acting_commander_until_one_is_named(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana"), acknowledges("bo"))
    assert (story.incident.commander, story.incident.acting) == ("ana", True)
    story.do(assigns("cem", to="dee"))
    assert (story.incident.commander, story.incident.acting) == ("dee", False)
    assert [event.was for event in story.events if isinstance(event, RoleAssigned)] == ["", "ana"]


def test_naming_is_recorded_with_who_when_and_why(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana"))
    [assigned] = story.do(asks(cmd.Assign, "ana", role=Role.COMMANDER, person="dee", why="she knows the database"))
    assert (assigned.actor.person, assigned.at, assigned.why) == ("ana", story.now, "she knows the database")


def test_a_commander_who_is_named_already_cannot_be_named_again(policy):
    story = commanded(policy)
    with pytest.raises(NotAllowedNowError, match="ana is already commander of INC-"):
        story.do(assigns("bo", to="ana"))


def test_nobody_has_another_role_twice(policy):
    story = commanded(policy)
    story.do(assigns("ana", to="cem", role=Role.DOCUMENTATION))
    with pytest.raises(NotAllowedNowError, match="cem is already documentation"):
        story.do(assigns("ana", to="cem", role=Role.DOCUMENTATION))


def test_other_roles_are_given_at_once_and_to_as_many_as_it_takes(policy):
    story = commanded(policy)
    story.do(assigns("ana", to="cem", role=Role.RESPONDER))
    story.do(assigns("ana", to="dee", role=Role.RESPONDER))
    assert story.incident.roles == ((Role.COMMANDER, "ana"), (Role.RESPONDER, "cem"), (Role.RESPONDER, "dee"))
    assert story.rounds() == ["0:00:00 ladder L1"]


def test_an_offer_pages_the_taker_and_the_giver_keeps_command(policy):
    story = offered(policy)
    assert [event.round for event in story.events if isinstance(event, RoleOffered)] == [2]
    assert story.rounds()[1:] == ["0:02:00 offer bo"]
    assert story.incident.commander == "ana"


def test_an_offer_nobody_accepts_for_15_minutes_pages_both_once(policy):
    story = offered(policy).at("0:16", note("ana")).at("0:29", note("ana"))
    assert [row for row in story.rounds() if "offer" in row] == ["0:02:00 offer bo", "0:17:00 offer-expired bo, ana"]
    assert story.incident.commander == "ana"


@pytest.mark.parametrize("answer", [accepts("bo"), acknowledges("bo"), acknowledges("bo", link=2)])
@pytest.mark.parametrize("when", ["0:03", "0:20"])
def test_accepting_hands_over_what_the_giver_had(policy, answer, when):
    """Late is not too late; and a taker who uses the page's link accepts."""
    story = offered(policy).at(when)
    story.do(answer)
    assert (story.incident.commander, story.incident.acknowledged_by) == ("bo", "bo")
    assert story.incident.offers == ()
    assert not {2, 3} & set(story.incident.open_rounds)
    [*_, handed] = [event for event in story.events if isinstance(event, RoleAssigned)]
    assert (handed.person, handed.was) == ("bo", "ana")


def test_after_the_hand_over_it_is_the_taker_who_is_asked_for_signs_of_life(policy):
    story = offered(policy, CRITICAL).at("0:03", accepts("bo")).at("0:13")
    assert story.rounds()[-1] == "0:13:00 stale bo"


@pytest.mark.parametrize("looked_first", [True, False])
def test_a_hand_over_does_not_touch_the_resolution_clock(policy, looked_first):
    """Level 2 was woken at +15 already; +30 is paged all the same, for it came due after somebody had it."""
    story = Story(HIGH, policy=policy).at("0:16", acknowledges("ana"), assigns("ana", to="ana"))
    story.at("0:29", assigns("ana", to="bo"))
    story.now = story.start.replace(minute=30, second=5)
    if looked_first:
        story.sleep("0:30:05")
    story.do(accepts("bo"))
    assert story.rounds()[-1] == "0:30:05 resolution L2"


def test_who_has_the_incident_without_commanding_it_keeps_it_when_command_changes_hands(policy):
    story = Story(HIGH, policy=policy).at("0:01", acknowledges("ana"), assigns("ana", to="cem"))
    story.do(assigns("cem", to="bo"))
    story.do(accepts("bo"))
    assert (story.incident.commander, story.incident.acknowledged_by) == ("bo", "ana")


def test_accepting_an_incident_nobody_has_any_more_takes_it_and_answers_every_round(policy):
    story = offered(policy, CRITICAL).at("0:17")
    assert not story.incident.is_acknowledged
    happened = story.do(accepts("bo"))
    assert [event.taken for event in happened if isinstance(event, Acknowledged)] == [True]
    assert (story.incident.acknowledged_by, story.incident.open_rounds) == ("bo", ())


def test_only_who_was_asked_can_accept(policy):
    story = offered(policy)
    with pytest.raises(NotAllowedNowError, match="Nobody has offered cem a role in INC-") as refused:
        story.do(accepts("cem"))
    assert refused.value.allowed == ("assign",)


def test_declining_an_offer_pages_the_giver_at_once_who_still_has_it(policy):
    story = offered(policy).at("0:04", declines("bo")).at("0:20", note("ana"))
    assert story.rounds()[1:3] == ["0:02:00 offer bo", "0:04:00 declined ana"]
    assert (story.incident.commander, story.incident.acknowledged_by, story.incident.offers) == ("ana", "ana", ())
    assert "offer-expired" not in " ".join(story.rounds())


def test_a_second_offer_takes_the_place_of_the_first(policy):
    story = offered(policy).at("0:10", assigns("ana", to="cem")).at("0:25", note("ana"))
    assert [row for row in story.rounds() if "expired" in row] == ["0:25:00 offer-expired cem, ana"]
    with pytest.raises(NotAllowedNowError):
        story.do(accepts("bo"))


def test_taking_command_needs_nobodys_leave_and_ends_the_offer(policy):
    story = offered(policy).at("0:03", assigns("cem", to="cem"))
    assert (story.incident.commander, story.incident.offers) == ("cem", ())


def test_whoever_resolves_may_take_command_first(policy):
    story = commanded(policy)
    with pytest.raises(NotAllowedNowError, match=r"ana commands INC-.* tocsin assign commander bo INC-") as refused:
        story.do(resolves("bo"))
    assert refused.value.allowed == ("assign", "note")
    story.do(resolves("bo", take_command=True))
    assert (story.incident.commander, story.incident.resolved_by) == ("bo", "bo")


def test_a_name_given_for_the_record_may_take_part(policy):
    """The event says that it was only claimed."""
    story = Story(HIGH, policy=policy)
    story.do(lambda it: cmd.Acknowledge(**it.facts(claimed("ana")), person="ana"))
    assert story.incident.acknowledged_by == "ana"
    assert story.events[-1].actor.claimed
