"""`decide`: what a command makes happen, as a pure function of the incident and the facts the command carries.

`lifecycle.TRANSITIONS` has the first word on every command; time's own part is in `climb`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tocsin.domain import commands as cmd
from tocsin.domain import events as ev
from tocsin.domain.climb import last_step, next_step, tick
from tocsin.domain.errors import InvalidError, NotAllowedNowError
from tocsin.domain.escalation import Ladder, first_ladder, resolution_ladder
from tocsin.domain.incident import Incident, evolve
from tocsin.domain.lifecycle import TRANSITIONS, require
from tocsin.domain.people import Role
from tocsin.domain.policy import Policy
from tocsin.domain.rounds import Call, open_round
from tocsin.domain.severity import Severity

CLOSED_AS = ("false-alarm", "duplicate", "merged")

Events = tuple[ev.Event, ...]


def decide(incident: Incident | None, command: cmd.Command) -> Events:
    """What happens because of a command.

    Args:
        incident: as it stands; None before it is declared.
        command: what is asked, with every fact it needs; its `at` is never before the incident's newest event.

    Returns:
        The events, in order; none when nothing changes.

    Raises:
        NotAllowedNowError: the present state is in the way; carries what is possible.
        InvalidError: it would be wrong in every state.
    """
    name, handler = _DECISIONS[type(command)]
    require(incident.phase if incident else None, name)
    return handler(incident, command)


def _declare(_none: None, command: cmd.Declare) -> Events:
    declared = ev.Declared(
        at=command.at,
        actor=command.actor,
        id=command.id,
        title=_required(command.title, "A title says what is broken"),
        service=command.service,
        group=command.group,
        severity=command.severity,
        origin=command.origin,
        procedures=command.policy.version,
        recurrence_of=command.recurrence_of,
        impact=command.impact,
        symptoms=command.symptoms,
        users=command.users,
    )
    return (declared, *tick(evolve(None, declared), command))


def _attach(incident: Incident, command: cmd.AttachAlerts) -> Events:
    if not incident.is_open:
        return _attach_to_closed(incident, command)
    happened: list[ev.Event] = []
    state = incident
    if command.new or command.refired:
        happened += _joined(incident, command)
        state = _after(incident, happened)
    if command.cleared:
        happened.append(_cleared(state, command))
    if command.worst is not None and command.worst.worse_than(incident.severity):
        change = cmd.ChangeSeverity(
            at=command.at, actor=command.actor, policy=command.policy, roster=command.roster, severity=command.worst
        )
        happened += _severity(_after(incident, happened), change)
    return tuple(happened)


def _joined(incident: Incident, command: cmd.AttachAlerts) -> list[ev.Event]:
    """Alerts joined or fired again; a flap resumes a held ladder at the same rung, unless it happens too often."""
    happened: list[ev.Event] = [
        ev.AlertsAttached(
            at=command.at,
            actor=command.actor,
            new=command.new,
            refired=command.refired,
            fingerprints=command.fingerprints,
        )
    ]
    state = _after(incident, happened)
    recent = [at for at in state.refires if command.at - at < command.policy.flap_window]
    if len(recent) >= command.policy.flaps and not state.flapping:
        happened.append(ev.FlappingMarked(at=command.at, actor=ev.SYSTEM, flaps=len(recent)))
        state = _after(incident, happened)
    if state.held_at is not None:
        held_us = (command.at - state.held_at) // timedelta(microseconds=1)
        happened.append(ev.Resumed(at=command.at, actor=ev.SYSTEM, held_us=held_us))
        state = _after(incident, happened)
        raising = command.worst is not None and command.worst.worse_than(incident.severity)
        if not state.flapping and not raising:
            happened.append(open_round(state, command, last_step(state, command.policy, ev.Cause.REFIRE)))
    return happened


def _cleared(state: Incident, command: cmd.AttachAlerts) -> ev.AlertsCleared:
    """All clear while unacknowledged: the severity says whether the ladder waits (the monitor may have died)."""
    timings = command.policy.timings[state.severity]
    quiet = state.firing - command.cleared <= 0 and state.origin == "alert"
    held = quiet and not state.is_acknowledged and not timings.climbs_when_clear and not state.flapping
    return ev.AlertsCleared(at=command.at, actor=command.actor, cleared=command.cleared, held=held)


def _attach_to_closed(incident: Incident, command: cmd.AttachAlerts) -> Events:
    """A resolved incident whose group fires again was not over."""
    happened: list[ev.Event] = []
    attached = ev.AlertsAttached(
        at=command.at,
        actor=command.actor,
        new=command.new,
        refired=command.refired,
        fingerprints=command.fingerprints,
    )
    if command.cleared:
        happened.append(ev.AlertsCleared(at=command.at, actor=command.actor, cleared=command.cleared))
    if command.new or command.refired:
        happened.append(attached)
        if not incident.closed_as:
            happened += _reopened(incident, command, why="", by_alert=True)
    return tuple(happened)


def _acknowledge(incident: Incident, command: cmd.Acknowledge) -> Events:
    mine = [item for item in incident.unanswered if command.person in item.persons]
    if command.round is not None and command.round < incident.episode:
        raise NotAllowedNowError(
            f"That page was sent with round {command.round}; since then {incident.id} has started a new climb "
            f"(round {max(incident.round, incident.episode)}). Look at it as it stands now and acknowledge that.",
            {"acknowledge"},
        )
    if incident.is_acknowledged:
        stale = {item.number for item in incident.unanswered if item.cause is ev.Cause.STALE}
        answered = stale | {item.number for item in mine} | {command.round or 0} & set(incident.open_rounds)
    else:
        answered = set(incident.open_rounds)
    happened: list[ev.Event] = [
        ev.Acknowledged(
            at=command.at,
            actor=command.actor,
            person=command.person,
            rounds=tuple(sorted(answered)),
            taken=not incident.is_acknowledged,
        )
    ]
    accepted = [offer for offer in incident.offers if offer.person == command.person]
    happened += [_take_offer(offer.role, offer.giver, command) for offer in accepted]
    if not incident.commander and Role.COMMANDER not in {offer.role for offer in accepted}:
        happened.append(
            ev.RoleAssigned(
                at=command.at, actor=command.actor, role=Role.COMMANDER, person=command.person, acting=True
            )
        )
    return _with_ticks(incident, happened, command)


def _take_offer(role: Role, giver: str, command: cmd.Acknowledge | cmd.Accept) -> ev.RoleAssigned:
    return ev.RoleAssigned(at=command.at, actor=command.actor, role=role, person=command.person, was=giver)


def _severity(incident: Incident, command: cmd.ChangeSeverity) -> Events:
    raised = command.severity.worse_than(incident.severity)
    changed = ev.SeverityChanged(
        at=command.at,
        actor=command.actor,
        was=incident.severity,
        severity=command.severity,
        raised=raised,
        rung=0 if raised else _steps_passed(incident, command, first_ladder),
        resolution_rung=0 if raised else _steps_passed(incident, command, resolution_ladder),
        why=command.why,
    )
    state = evolve(incident, changed)
    if not raised:
        return (changed, *tick(state, command))
    climb = tick(state, command)
    if climb:
        return (changed, *climb)
    return (changed, open_round(state, command, Call(ev.Cause.SEVERITY, levels=(command.policy.default_level,))))


def _steps_passed(
    incident: Incident, command: cmd.ChangeSeverity, ladder: Callable[[Incident, Policy], Ladder]
) -> int:
    """Steps a ladder of the new severity would have taken by now: lowering pages nobody for what is past."""
    if command.severity is incident.severity:
        return incident.rung if ladder is first_ladder else incident.resolution_rung
    lowered = _as_severity(incident, command.severity)
    return ladder(lowered, command.policy).taken_by(0, command.at)


def _as_severity(incident: Incident, severity: Severity) -> Incident:
    return replace(incident, severity=severity)


def _escalate(incident: Incident, command: cmd.Escalate) -> Events:
    why = _required(command.why, "An escalation says why (R79)")
    top = max(command.policy.levels)
    level = min(incident.level + 1, top) if command.level is None else command.level
    if level not in command.policy.levels:
        raise InvalidError(f"There is no level {level}; these procedures have {_listed(command.policy.levels)}.")
    escalated = ev.Escalated(at=command.at, actor=command.actor, level=level, why=why)
    state = evolve(incident, escalated)
    return (escalated, open_round(state, command, Call(ev.Cause.ESCALATED, levels=(level,))))


def _assign(incident: Incident, command: cmd.Assign) -> Events:
    by = command.actor.person
    holder = incident.commander if command.role is Role.COMMANDER else ""
    if holder == command.person or (command.role, command.person) in incident.roles:
        raise NotAllowedNowError(f"{command.person} is already {command.role} of {incident.id}; nothing was changed.")
    if not holder or command.person == by or incident.acting:
        return (_assigned(command, holder),)
    offered = ev.RoleOffered(
        at=command.at,
        actor=command.actor,
        role=command.role,
        person=command.person,
        round=incident.round + 1,
        why=command.why,
    )
    state = evolve(incident, offered)
    return (offered, open_round(state, command, Call(ev.Cause.OFFER, people=(command.person,))))


def _assigned(command: cmd.Assign, was: str) -> ev.RoleAssigned:
    return ev.RoleAssigned(
        at=command.at, actor=command.actor, role=command.role, person=command.person, was=was, why=command.why
    )


def _accept(incident: Incident, command: cmd.Accept) -> Events:
    offers = [offer for offer in incident.offers if offer.person == command.person]
    if not offers:
        raise NotAllowedNowError(f"Nobody has offered {command.person} a role in {incident.id}.", {"assign"})
    rounds = tuple(item.number for item in incident.unanswered if item.number in {offer.round for offer in offers})
    answered = ev.Acknowledged(
        at=command.at, actor=command.actor, person=command.person, rounds=rounds, taken=not incident.is_acknowledged
    )
    return (answered, *(_take_offer(offer.role, offer.giver, command) for offer in offers))


def _decline(incident: Incident, command: cmd.Decline) -> Events:
    role = next((offer.role for offer in incident.offers if offer.person == command.person), None)
    happened: list[ev.Event] = [
        ev.Declined(at=command.at, actor=command.actor, person=command.person, role=role, why=command.why)
    ]
    if role is not None:
        return tuple(happened)
    if incident.acknowledged_by == command.person:
        happened.append(ev.AcknowledgementVoided(at=command.at, actor=command.actor, person=command.person))
    state = _after(incident, happened)
    if not state.is_acknowledged:
        happened.append(open_round(state, command, next_step(state, command.policy, ev.Cause.DECLINED)))
    return tuple(happened)


def _note(_incident: Incident, command: cmd.Note) -> Events:
    text = _required(command.text, "A note needs words")
    return (ev.Noted(at=command.at, actor=command.actor, text=text),)


def _report(_incident: Incident, command: cmd.ReportPages) -> Events:
    return (ev.PagesReported(at=command.at, actor=command.actor, results=command.results),)


def _give_up(incident: Incident, command: cmd.GiveUpLevel) -> Events:
    if command.round not in incident.open_rounds or (command.round, command.level) in incident.unreachable:
        return ()
    unreachable = ev.LevelUnreachable(at=command.at, actor=command.actor, round=command.round, level=command.level)
    state = evolve(incident, unreachable)
    above = (command.level or incident.level or command.policy.default_level - 1) + 1
    if above > max(command.policy.levels):
        return (unreachable,)
    return (unreachable, open_round(state, command, Call(ev.Cause.UNREACHABLE, levels=(above,))))


def _resolve(incident: Incident, command: cmd.Resolve) -> Events:
    why = _required(command.why, "Resolving is a signed statement: it says why this is over")
    person = _signer(command)
    happened: list[ev.Event] = []
    if incident.commander != person:
        if incident.commander and not command.take_command:
            raise NotAllowedNowError(
                f"{incident.commander} commands {incident.id}, and only the commander resolves it. "
                f"Ask them, or take command first: tocsin assign commander {person} {incident.id}",
                {"assign", "note"},
            )
        happened.append(
            ev.RoleAssigned(
                at=command.at, actor=command.actor, role=Role.COMMANDER, person=person, was=incident.commander
            )
        )
    return (*happened, ev.Resolved(at=command.at, actor=command.actor, why=why))


def _close(incident: Incident, command: cmd.Close) -> Events:
    why = _required(command.why, "Closing without a fix says why")
    if command.closed_as not in CLOSED_AS:
        raise InvalidError(f"An incident closes as {', '.join(CLOSED_AS)}, not as '{command.closed_as}'.")
    person = _signer(command)
    seconded = (
        incident.close_proposed_by not in {"", person}
        and incident.close_proposed_as == command.closed_as
        and not command.actor.claimed
    )
    if incident.commander not in {"", person} and not seconded:
        raise NotAllowedNowError(
            f"{incident.commander} commands {incident.id}, and only the commander closes it without a fix.",
            {"assign", "note"},
        )
    if incident.severity is not Severity.CRITICAL:
        return (ev.Closed(at=command.at, actor=command.actor, closed_as=command.closed_as, why=why),)
    if not seconded:
        return (ev.CloseProposed(at=command.at, actor=command.actor, closed_as=command.closed_as, why=why),)
    cosigned = ev.Closed(
        at=command.at,
        actor=command.actor,
        closed_as=command.closed_as,
        why=why,
        cosigner=person,
    )
    return (cosigned,)


def _reopen(incident: Incident, command: cmd.Reopen) -> Events:
    why = _required(command.why, "Reopening says why it was not over")
    return tuple(_reopened(incident, command, why=why, by_alert=False))


def _reopened(incident: Incident, command: cmd.Command, *, why: str, by_alert: bool) -> list[ev.Event]:
    """Back into remediation; the commander, the last responder and the ladder's first step are paged."""
    known = dict.fromkeys((incident.commander, incident.acknowledged_by, incident.resolved_by))
    reopened = ev.Reopened(at=command.at, actor=command.actor, why=why, by_alert=by_alert)
    state = evolve(incident, reopened)
    ladder = first_ladder(state, command.policy)
    first = ladder.step(0) if ladder.rungs and ladder.step_at(0) == command.at else None
    call = Call(
        ev.Cause.REOPENED,
        people=tuple(person for person in known if person),
        levels=first.page if first else (),
        posts=first.post if first else (),
        rung=1 if first else 0,
    )
    return [reopened, open_round(state, command, call)]


def _signer(command: cmd.Command) -> str:
    """The person whose statement this is."""
    person = command.actor.person
    if person is None:
        raise InvalidError(f"This needs a person's signature, and {command.actor.by} is not a person.")
    return person


def _required(text: str, sentence: str) -> str:
    if not text.strip():
        raise InvalidError(f"{sentence}; it was left empty, and nothing was changed.")
    return text.strip()


def _listed(levels: Iterable[int]) -> str:
    return ", ".join(str(level) for level in sorted(levels))


def _after(incident: Incident, happened: list[ev.Event]) -> Incident:
    for event in happened:
        incident = evolve(incident, event)
    return incident


def _with_ticks(incident: Incident, happened: list[ev.Event], command: cmd.Command) -> Events:
    return (*happened, *tick(_after(incident, happened), command))


def _tick(incident: Incident, command: cmd.Tick) -> Events:
    return tick(incident, command)


_DECISIONS: dict[type[cmd.Command], tuple[str, Callable[[Any, Any], Events]]] = {
    cmd.Declare: ("declare", _declare),
    cmd.AttachAlerts: ("attach-alerts", _attach),
    cmd.Acknowledge: ("acknowledge", _acknowledge),
    cmd.ChangeSeverity: ("severity", _severity),
    cmd.Escalate: ("escalate", _escalate),
    cmd.Assign: ("assign", _assign),
    cmd.Accept: ("accept", _accept),
    cmd.Decline: ("decline", _decline),
    cmd.Note: ("note", _note),
    cmd.ReportPages: ("report-pages", _report),
    cmd.GiveUpLevel: ("give-up-level", _give_up),
    cmd.Resolve: ("resolve", _resolve),
    cmd.Close: ("close", _close),
    cmd.Reopen: ("reopen", _reopen),
    cmd.Tick: ("tick", _tick),
}

assert {name for name, _ in _DECISIONS.values()} == {name for moves in TRANSITIONS.values() for name in moves}
