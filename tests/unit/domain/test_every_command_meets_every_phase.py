"""Every Status × Command and every Phase × Command, walked from the table that decides (R17)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.domain.promised import MONITOR, POLICY, ROSTER, signed_in
from tests.unit.domain.virtual_time import Story, acknowledges, assigns
from tocsin.domain import commands as cmd
from tocsin.domain import decide as decide_module
from tocsin.domain import events as ev
from tocsin.domain import incident as incident_module
from tocsin.domain.decide import decide
from tocsin.domain.errors import NotAllowedNowError
from tocsin.domain.incident import Incident, after, fold
from tocsin.domain.lifecycle import STATUS, SYSTEM_COMMANDS, TRANSITIONS, Phase, Status, diagram, require
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity
from tools.draw_lifecycle import FILE, page

FACTS: dict[str, tuple[type[cmd.Command], dict[str, Any]]] = {
    "declare": (
        cmd.Declare,
        {"id": "INC-1", "title": "t", "service": "s", "group": "g", "severity": Severity.HIGH, "origin": "person"},
    ),
    "attach-alerts": (cmd.AttachAlerts, {"actor": MONITOR, "new": 1}),
    "acknowledge": (cmd.Acknowledge, {"person": "ana"}),
    "severity": (cmd.ChangeSeverity, {"severity": Severity.MEDIUM}),
    "escalate": (cmd.Escalate, {"why": "beyond me"}),
    "assign": (cmd.Assign, {"role": Role.SME, "person": "dee"}),
    "accept": (cmd.Accept, {"person": "bo", "actor": signed_in("bo")}),
    "decline": (cmd.Decline, {"person": "bo", "actor": signed_in("bo")}),
    "note": (cmd.Note, {"text": "looking"}),
    "report-pages": (cmd.ReportPages, {"results": ()}),
    "give-up-level": (cmd.GiveUpLevel, {"round": 2, "level": 0}),
    "resolve": (cmd.Resolve, {"why": "restarted"}),
    "close": (cmd.Close, {"closed_as": "duplicate", "why": "see the other one"}),
    "reopen": (cmd.Reopen, {"why": "it is back"}),
    "tick": (cmd.Tick, {}),
}
"""By name, a command whose facts stand in nothing's way; only the phase can."""

PHASES = list(TRANSITIONS)


def in_phase(phase: Phase | None) -> Incident | None:
    """Ana commands and has offered to hand over to Bo, in this phase."""
    story = Story(Severity.HIGH).at("0:01", acknowledges("ana"), assigns("ana", to="ana"), assigns("ana", to="bo"))
    return None if phase is None else replace(story.incident, phase=phase)


def asked(incident: Incident | None, name: str) -> tuple[ev.Event, ...]:
    kind, facts = FACTS[name]
    at = incident.updated_at if incident else Story(Severity.LOW).start
    return decide(incident, kind(**{"at": at, "actor": signed_in("ana"), "policy": POLICY, "roster": ROSTER, **facts}))


def test_the_table_the_decisions_and_the_examples_know_the_same_commands():
    named = {name for moves in TRANSITIONS.values() for name in moves}
    decisions = decide_module._DECISIONS
    assert named == set(FACTS) == {name for name, _decision in decisions.values()}
    assert set(decisions) == {kind for kind, _facts in FACTS.values()}
    assert {kind.__name__ for kind in decisions} == {kind.__name__ for kind in cmd.Command.__subclasses__()}
    assert all(decisions[kind][0] == name for name, (kind, _facts) in FACTS.items())


def test_every_event_is_folded():
    folded = {kind.__name__ for kind in (*incident_module._FOLDS, ev.Declared)}
    assert folded == {kind.__name__ for kind in ev.Event.__subclasses__()}


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_command_does_what_the_table_says_and_nothing_else(phase, name):
    incident, legal = in_phase(phase), TRANSITIONS[phase]
    if name not in legal:
        with pytest.raises(NotAllowedNowError) as refused:
            asked(incident, name)
        assert refused.value.allowed == tuple(sorted(set(legal) - SYSTEM_COMMANDS))
        return
    happened = asked(incident, name)
    ended = after(incident, happened) if incident else fold(happened)
    assert ended.phase in legal[name]


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("status", Status)
def test_what_is_possible_depends_on_the_status_alone(status, name):
    """So that one word tells a person what they can do: every phase of a status answers alike."""
    phases = [phase for phase, told in STATUS.items() if told is status]
    possible = set()
    for phase in phases:
        try:
            asked(in_phase(phase), name)
            possible.add(True)
        except NotAllowedNowError:
            possible.add(False)
    assert possible == {name in TRANSITIONS[phases[0]]}


def test_each_phase_has_a_status_and_the_end_is_the_only_resolved_one():
    """Decision G"""
    assert [phase for phase in Phase if STATUS[phase] is Status.RESOLVED] == [Phase.CLOSED]
    assert [phase for phase in Phase if STATUS[phase] is Status.MITIGATING] == [Phase.REMEDIATION, Phase.VERIFICATION]
    assert set(STATUS) == set(Phase)


def test_a_first_word_on_closing_critical_changes_no_phase():
    story = Story(Severity.CRITICAL).at("0:01", acknowledges("ana"))
    happened = asked(story.incident, "close")
    assert after(story.incident, happened).phase is Phase.DETECTION


def test_a_refusal_says_what_was_asked_when_and_that_nothing_changed():
    with pytest.raises(NotAllowedNowError) as undeclared:
        require(None, "acknowledge")
    assert undeclared.value.detail == "'acknowledge' needs a declared incident; nothing was changed."
    assert undeclared.value.allowed == ("declare",)
    with pytest.raises(NotAllowedNowError) as ended:
        require(Phase.CLOSED, "acknowledge")
    assert ended.value.detail == "'acknowledge' is not possible in the phase closed; nothing was changed."
    assert ended.value.allowed == ("note", "reopen")


def test_the_page_in_the_docs_is_drawn_from_the_table():
    assert FILE.read_text(encoding="utf-8") == page(), "run: python -m tools.draw_lifecycle"


def test_every_move_between_phases_is_an_arrow_of_the_diagram():
    arrows = {
        (source, target, command)
        for source, _, rest in (line.strip().partition(" --> ") for line in diagram().splitlines()[1:])
        for target, _, commands in [rest.partition(": ")]
        for command in commands.split(", ")
    }
    assert arrows == {
        (phase or "[*]", target, command)
        for phase, moves in TRANSITIONS.items()
        for command, targets in moves.items()
        for target in targets
        if target is not phase
    }
