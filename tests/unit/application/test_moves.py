"""Operations that move an incident; the rules are the domain's, here is what is asked, by whom, and what is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.application.world import procedures
from tocsin.application import moves
from tocsin.application.asked import Nothing
from tocsin.application.catalogue import OPERATIONS
from tocsin.domain import events as ev
from tocsin.domain.errors import ForbiddenError, InvalidError, NotAllowedNowError, NotFoundError
from tocsin.domain.events import Actor
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity


def test_a_person_declares_and_whoever_is_on_call_is_paged_at_once(world):
    """R19, R26."""
    facts = moves.Declaration("it is slow", "docs", Severity.CRITICAL, ("a", "b"), "20%", "nobody can read")
    shown = world.does("ana", "declare", facts)
    assert (shown["id"], shown["title"], shown["service"]) == ("INC-20261123-120000", "it is slow", "docs")
    assert (shown["severity"], shown["severity_confirmed"], shown["level"]) == ("CRITICAL", True, 2)
    assert (shown["symptoms"], shown["users"], shown["impact"]) == ("a\nb", "20%", "nobody can read")
    assert {page.person for page in world.pages() if page.urgent} == {"bo"}
    assert world.events(ev.Declared)[0].actor == Actor("person:ana", "session")


def test_what_is_left_out_is_the_first_service_and_high(world):
    shown = world.does("ana", "declare", moves.Declaration("it is slow"))
    assert (shown["service"], shown["severity"]) == ("claudex", "HIGH")


def test_two_declarations_are_two_incidents_whatever_they_say(world):
    for _ in range(2):
        world.does("ana", "declare", moves.Declaration("it is slow"))
    assert [it.id for it in world.incidents()] == ["INC-20261123-120000", "INC-20261123-120000-2"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            moves.Declaration("it is slow", "nowhere"),
            "There is no service 'nowhere' in the procedures; there are claudex, docs",
        ),
        (moves.Declaration("  "), "A title says what is broken"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_whole(world, facts, why):
    with pytest.raises(InvalidError, match=why):
        world.does("ana", "declare", facts)
    assert world.incidents() == []


def test_declaring_passes_the_crash_points_and_rings_the_bell(world):
    points: list[str] = []
    world.crash = points.append
    world.app = world.node("n1")
    world.does("ana", "declare", moves.Declaration("it is slow"))
    assert points == ["decide.before_commit", "decide.after_commit"]
    assert world.app.bell.rings == 1


def test_acknowledging_makes_it_ones_own(world):
    world.begin()
    shown = world.does("ana", "acknowledge", moves.Acknowledgement(1))
    assert (shown["acknowledged_by"], shown["acknowledged_at"], shown["commander"]) == (
        "ana",
        "2026-11-23T12:00:00Z",
        "ana",
    )
    assert shown["commander_acting"] is True


def test_a_link_of_an_earlier_climb_no_longer_acknowledges(world):
    world.begin()
    world.does("ana", "severity", moves.Level(Severity.CRITICAL))
    with pytest.raises(NotAllowedNowError) as refused:
        world.does("ana", "acknowledge", moves.Acknowledgement(1))
    assert refused.value.allowed == ("acknowledge",)
    world.does("ana", "acknowledge")


@pytest.mark.parametrize("operation", ["acknowledge", "accept", "decline"])
def test_what_only_a_person_can_do_a_machine_cannot(world, operation):
    world.begin()
    asked = OPERATIONS[operation]
    with pytest.raises(ForbiddenError, match="integration:grafana is none"):
        asked.run(world.app, Actor("integration:grafana", "integration"), asked.body(), incident="last")


def test_command_is_offered_and_kept_until_it_is_accepted(world):
    """R2: whoever commands keeps it until the other accepts."""
    world.begin()
    world.does("ana", "acknowledge")
    world.does("ana", "assign", moves.Assignment(Role.COMMANDER, "ana"))
    shown = world.does("ana", "assign", moves.Assignment(Role.COMMANDER, "bo", "off shift"))
    assert (shown["commander"], shown["offers"]) == ("ana", [{"role": "commander", "person": "bo"}])
    assert world.events(ev.RoleOffered)[0].why == "off shift"
    shown = world.does("bo", "accept")
    assert (shown["commander"], shown["offers"]) == ("bo", [])


def test_a_role_goes_only_to_people_the_procedures_know_and_to_oneself(world):
    world.begin()
    with pytest.raises(InvalidError, match="There is no person 'eve' in the procedures; there are ana, bo, cem, dee"):
        world.does("ana", "assign", moves.Assignment(Role.SME, "eve"))
    assert world.does("operator", "assign", moves.Assignment(Role.COMMANDER, "operator"))["commander"] == "operator"


def test_declining_pages_the_next_at_once(world):
    world.begin()
    assert world.does("ana", "decline", moves.Reason("on a train"))["level"] == 2


def test_severity_is_changed_and_confirmed(world):
    """R6, R16."""
    world.begin()
    assert world.does("ana", "severity", moves.Level(Severity.HIGH))["severity_confirmed"] is True
    shown = world.does("ana", "severity", moves.Level(Severity.CRITICAL, "everybody is affected"))
    assert (shown["severity"], shown["level"]) == ("CRITICAL", 2)


def test_escalating_pages_the_next_level_or_the_one_named(world):
    """R79, decision O."""
    world.begin()
    assert world.does("ana", "escalate", moves.Escalation("beyond me"))["level"] == 2
    assert world.does("ana", "escalate", moves.Escalation("beyond me", 4))["level"] == 4
    with pytest.raises(InvalidError, match="no level 9"):
        world.does("ana", "escalate", moves.Escalation("beyond me", 9))


def test_notes_are_kept_and_empty_ones_refused(world):
    world.begin()
    world.does("ana", "note", moves.Words("looking"))
    assert [it.text for it in world.events(ev.Noted)] == ["looking"]
    with pytest.raises(InvalidError, match="nothing was changed"):
        world.does("ana", "note", moves.Words(" \n"))


def test_only_the_commander_resolves_and_taking_command_is_one_step(world):
    world.begin()
    world.does("ana", "acknowledge")
    with pytest.raises(NotAllowedNowError, match="ana commands"):
        world.does("bo", "resolve", moves.Resolution("restarted"))
    shown = world.does("bo", "resolve", moves.Resolution("restarted", take_command=True))
    assert (shown["status"], shown["resolved_by"], shown["commander"], shown["next_due_at"]) == (
        "RESOLVED",
        "bo",
        "bo",
        None,
    )


def test_closing_without_a_fix_takes_two_for_critical(world):
    world.begin(Severity.CRITICAL)
    shown = world.does("ana", "close", moves.Closing("false-alarm", "a test"))
    assert (shown["close_proposed_by"], shown["closed_as"]) == ("ana", None)
    assert world.does("bo", "close", moves.Closing("false-alarm", "a test"))["closed_as"] == "false-alarm"


def test_what_was_over_can_be_reopened_with_a_reason(world):
    world.begin()
    world.does("ana", "resolve", moves.Resolution("restarted", take_command=True))
    shown = world.does("ana", "reopen", moves.Reopening("it is back"))
    assert (shown["status"], shown["phase"], shown["resolved_at"]) == ("MITIGATING", "remediation", None)


def test_an_incident_may_be_meant_by_an_ending_of_its_id(world):
    world.begin()
    world.clock.forward(1)
    world.ingest(*[])
    world.does("ana", "declare", moves.Declaration("another"))
    assert world.does("ana", "show", incident="120000")["title"] == "DiskFull: on Claudex"
    with pytest.raises(NotFoundError, match=r"'INC' may be|There is no incident 'INC'"):
        world.does("ana", "note", moves.Words("x"), incident="INC")
    with pytest.raises(NotFoundError, match="may be INC-20261123-120000, INC-20261123-120001: say more"):
        world.does("ana", "note", moves.Words("x"), incident="")
    with pytest.raises(NotFoundError, match="There is no incident 'nowhere'"):
        world.does("ana", "note", moves.Words("x"), incident="nowhere")


def test_an_incident_whose_rules_are_broken_is_shown_all_the_same(world):
    world.begin()
    broken = procedures()
    world.apply(replace(broken, policy=replace(broken.policy, timings={})))
    assert world.does("ana", "show")["next_due_at"] is None
    assert len(world.does("ana", "list")["items"]) == 1


def test_nothing_has_no_facts():
    assert Nothing() == Nothing()
