"""`decide`: what a command makes happen, as a pure function of the incident and the facts the command carries.

`lifecycle.TRANSITIONS` has the first word on every command; time's own part is in `climb`, the end in `ending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tocsin.domain import commands as cmd
from tocsin.domain import events as ev
from tocsin.domain.climb import last_step, level_alone, next_step, resume, tick
from tocsin.domain.ending import close, not_over, reopen, resolve
from tocsin.domain.errors import InvalidError, NotAllowedNowError
from tocsin.domain.escalation import first_ladder, resolution_ladder
from tocsin.domain.incident import Incident, after, evolve
from tocsin.domain.lifecycle import require
from tocsin.domain.people import Role
from tocsin.domain.rounds import Call, open_round
from tocsin.domain.severity import Severity
from tocsin.domain.statements import one_line, required

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
        ForbiddenError: a claimed identity would have to sign.
    """
    name, handler = _DECISIONS[type(command)]
    require(incident.phase if incident else None, name)
    return handler(incident, command)


def _declare(_none: None, command: cmd.Declare) -> Events:
    declared = ev.Declared(
        at=command.at,
        actor=command.actor,
        id=command.id,
        title=required(one_line(command.title), "A title says what is broken"),
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
    if command.new or command.refired:
        happened += _joined(incident, command)
    if command.cleared:
        happened.append(_cleared(after(incident, happened), command))
    if command.worst is not None and command.worst.worse_than(incident.severity):
        happened += _set_severity(after(incident, happened), command, command.worst)
    return tuple(happened)


def _attached(command: cmd.AttachAlerts) -> ev.AlertsAttached:
    return ev.AlertsAttached(
        at=command.at,
        actor=command.actor,
        new=command.new,
        refired=command.refired,
        fingerprints=command.fingerprints,
    )


def _joined(incident: Incident, command: cmd.AttachAlerts) -> list[ev.Event]:
    """Alerts joined or fired again; a flap resumes a held ladder at the same rung.

    The flap that marks the incident is the last that can: what flaps is held no more.
    """
    happened: list[ev.Event] = [_attached(command)]
    state = after(incident, happened)
    recent = [at for at in state.refires if command.at - at < command.policy.flap_window]
    if len(recent) >= command.policy.flaps and not state.flapping:
        happened.append(ev.FlappingMarked(at=command.at, actor=ev.SYSTEM, flaps=len(recent)))
        state = after(incident, happened)
    if state.held_at is not None:
        held_us = (command.at - state.held_at) // timedelta(microseconds=1)
        happened.append(ev.Resumed(at=command.at, actor=ev.SYSTEM, held_us=held_us))
        state = after(incident, happened)
        raising = command.worst is not None and command.worst.worse_than(incident.severity)
        if state.rung and not raising:
            happened.append(open_round(state, command, last_step(state, command.policy, ev.Cause.REFIRE)))
    return happened


def _cleared(state: Incident, command: cmd.AttachAlerts) -> ev.AlertsCleared:
    """All clear while unacknowledged: the severity says whether the ladder waits (the monitor may have died)."""
    timings = command.policy.timings[state.severity]
    quiet = state.firing - command.cleared <= 0 and state.origin == "alert"
    waits = not state.is_acknowledged and not timings.climbs_when_clear and not state.flapping
    held = quiet and waits and state.held_at is None
    return ev.AlertsCleared(at=command.at, actor=command.actor, cleared=command.cleared, held=held)


def _attach_to_closed(incident: Incident, command: cmd.AttachAlerts) -> Events:
    """A resolved incident whose group fires again was not over; one closed without a fix stays closed."""
    happened: list[ev.Event] = []
    if command.cleared:
        happened.append(ev.AlertsCleared(at=command.at, actor=command.actor, cleared=command.cleared))
    if not command.new and not command.refired:
        return tuple(happened)
    happened.append(_attached(command))
    if incident.closed_as:
        return tuple(happened)
    happened.append(ev.Reopened(at=command.at, actor=command.actor, by_alert=True))
    if command.worst is not None and command.worst.worse_than(incident.severity):
        happened.append(_severity_changed(incident, command, command.worst))
    return not_over(incident, command, *happened)


def _acknowledge(incident: Incident, command: cmd.Acknowledge) -> Events:
    if command.round is not None and command.round < incident.episode:
        raise NotAllowedNowError(
            f"That page was sent with round {command.round}; since then {incident.id} has started a new climb "
            f"(round {max(incident.round, incident.episode)}). Look at it as it stands now and acknowledge that.",
            {"acknowledge"},
        )
    return _answer(incident, command, command.person, command.round)


def _answer(incident: Incident, command: cmd.Command, person: str, link: int | None) -> Events:
    """A person has it; what they were offered is theirs, and with no commander they act as one."""
    at, actor = command.at, command.actor
    offers = [offer for offer in incident.offers if offer.person == person]
    asked = {link, *(offer.round for offer in offers)}
    taken = not incident.is_acknowledged or incident.acknowledged_by in {offer.giver for offer in offers}
    happened: list[ev.Event] = [
        ev.Acknowledged(at=at, actor=actor, person=person, rounds=_answered(incident, person, asked), taken=taken)
    ]
    happened += [ev.RoleAssigned(at=at, actor=actor, role=it.role, person=person, was=it.giver) for it in offers]
    if not incident.commander:
        happened.append(ev.RoleAssigned(at=at, actor=actor, role=Role.COMMANDER, person=person, acting=True))
    return _with_ticks(incident, happened, command)


def _answered(incident: Incident, person: str, asked: set[int | None]) -> tuple[int, ...]:
    """All open rounds when nobody had it; else the person's own and the asked ones."""
    if not incident.is_acknowledged:
        return incident.open_rounds
    return tuple(item.number for item in incident.unanswered if item.number in asked or person in item.persons)


def _severity(incident: Incident, command: cmd.ChangeSeverity) -> Events:
    return _set_severity(incident, command, command.severity, command.why)


def _set_severity(incident: Incident, command: cmd.Command, severity: Severity, why: str = "") -> Events:
    """A raise pages at once, from the first step of the new severity's ladder."""
    changed = _severity_changed(incident, command, severity, why)
    happened: list[ev.Event] = [changed]
    if changed.raised:
        state = evolve(incident, changed)
        happened += resume(state, command, last_step(state, command.policy, ev.Cause.SEVERITY))
    return _with_ticks(incident, happened, command)


def _severity_changed(
    incident: Incident, command: cmd.Command, severity: Severity, why: str = ""
) -> ev.SeverityChanged:
    """A raise begins both ladders anew; lowering counts as taken what is past, so that nobody is paged for it."""
    raised = severity.worse_than(incident.severity)
    rung, resolution_rung = (0, 0) if raised else (incident.rung, incident.resolution_rung)
    if incident.severity.worse_than(severity):
        lowered = replace(incident, severity=severity)
        rung = first_ladder(lowered, command.policy).taken_by(0, incident.held_at or command.at)
        resolution_rung = resolution_ladder(lowered, command.policy).taken_by(0, command.at)
    return ev.SeverityChanged(
        at=command.at,
        actor=command.actor,
        was=incident.severity,
        severity=severity,
        raised=raised,
        rung=rung,
        resolution_rung=resolution_rung,
        why=why,
    )


def _escalate(incident: Incident, command: cmd.Escalate) -> Events:
    why = required(command.why, "An escalation says why (R79)")
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
    named = not (holder and incident.acting)
    if named and (command.role, command.person) in incident.roles:
        raise NotAllowedNowError(f"{command.person} is already {command.role} of {incident.id}; nothing was changed.")
    if not holder or command.person == by or not named:
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
    """Accepting answers like an acknowledgement: what the giver had is theirs from here on."""
    if command.person not in {offer.person for offer in incident.offers}:
        raise NotAllowedNowError(f"Nobody has offered {command.person} a role in {incident.id}.", {"assign"})
    return _answer(incident, command, command.person, None)


def _decline(incident: Incident, command: cmd.Decline) -> Events:
    """The next is paged at once: of an offer its giver, who still has it; of a page the next step of the ladder.

    Where somebody else has it, it is the level above, once nobody is left whom the round asked. Who was not asked, or
    said so before, is only recorded.
    """
    at, actor, person = command.at, command.actor, command.person
    offer = next((offer for offer in incident.offers if offer.person == person), None)
    happened: list[ev.Event] = [
        ev.Declined(at=at, actor=actor, person=person, role=offer.role if offer else None, why=command.why)
    ]
    if offer is not None:
        state = after(incident, happened)
        happened.append(open_round(state, command, Call(ev.Cause.DECLINED, people=(offer.giver,))))
    if incident.acknowledged_by == person:
        happened.append(ev.AcknowledgementVoided(at=at, actor=actor, person=person))
    state = after(incident, happened)
    asked = [it for it in incident.unanswered if person in it.persons and not (offer and it.cause in _OF_AN_OFFER)]
    alone = [it.level for it in asked if it.persons == (person,)]
    if state.is_acknowledged and alone:
        happened += _next_above(state, command, ev.Cause.DECLINED, max(alone), _woken(incident))
    elif not state.is_acknowledged and (asked or incident.is_acknowledged):
        happened += resume(state, command, next_step(state, command.policy, ev.Cause.DECLINED))
    return tuple(happened)


_OF_AN_OFFER = (ev.Cause.OFFER, ev.Cause.OFFER_EXPIRED)


def _note(_incident: Incident, command: cmd.Note) -> Events:
    text = required(command.text, "A note needs words")
    return (ev.Noted(at=command.at, actor=command.actor, text=text),)


def _report(_incident: Incident, command: cmd.ReportPages) -> Events:
    return (ev.PagesReported(at=command.at, actor=command.actor, results=command.results),)


def _give_up(incident: Incident, command: cmd.GiveUpLevel) -> Events:
    """The next above; an offer goes back to its giver, who still has it."""
    if command.round not in incident.open_rounds or (command.round, command.level) in incident.unreachable:
        return ()
    unreachable = ev.LevelUnreachable(at=command.at, actor=command.actor, round=command.round, level=command.level)
    state = evolve(incident, unreachable)
    if ev.Cause.OFFER in {item.cause for item in incident.unanswered if item.number == command.round}:
        givers = (offer.giver for offer in incident.offers if offer.round == command.round)
        calls = (Call(ev.Cause.UNREACHABLE, people=(giver,)) for giver in givers)
        return (unreachable, *(open_round(state, command, call) for call in calls))
    return (unreachable, *_next_above(state, command, ev.Cause.UNREACHABLE, command.level, _woken(incident)))


def _woken(incident: Incident) -> set[str]:
    """Everybody whom a round that nobody has answered is trying to reach."""
    return {person for item in incident.unanswered for person in item.persons}


def _next_above(incident: Incident, command: cmd.Command, cause: ev.Cause, level: int, woken: set[str]) -> Events:
    """Page the next level above with anybody who is not being woken already; above the top there is nobody.

    In place of people by name (level 0) it begins with the highest level paged so far.
    """
    first = level + 1 if level else incident.level or command.policy.default_level
    for above in range(first, max(command.policy.levels) + 1):
        opened = open_round(incident, command, level_alone(incident, command.policy, cause, above))
        if any(target.person not in woken for target in opened.targets):
            return (opened,)
    return ()


def _listed(levels: Iterable[int]) -> str:
    return ", ".join(str(level) for level in sorted(levels))


def _with_ticks(incident: Incident, happened: list[ev.Event], command: cmd.Command) -> Events:
    return (*happened, *tick(after(incident, happened), command))


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
    cmd.Resolve: ("resolve", resolve),
    cmd.Close: ("close", close),
    cmd.Reopen: ("reopen", reopen),
    cmd.Tick: ("tick", _tick),
}
