"""How an incident ends, and how it turns out not to have ended (RULES.md *Alerts into incidents*, *Evidence*)."""

from __future__ import annotations

from dataclasses import replace

from tocsin.domain import commands as cmd
from tocsin.domain import events as ev
from tocsin.domain.errors import InvalidError, NotAllowedNowError
from tocsin.domain.escalation import first_ladder
from tocsin.domain.incident import Incident, after
from tocsin.domain.people import Role
from tocsin.domain.rounds import Call, open_round
from tocsin.domain.severity import Severity
from tocsin.domain.statements import required, signer

CLOSED_AS = ("false-alarm", "duplicate", "merged")

Events = tuple[ev.Event, ...]


def resolve(incident: Incident, command: cmd.Resolve) -> Events:
    """Only the commander resolves; with none, or when asked to, whoever resolves takes command first."""
    why = required(command.why, "Resolving is a signed statement: it says why this is over")
    person = signer(command)
    if incident.commander not in {"", person} and not command.take_command:
        raise NotAllowedNowError(
            f"{incident.commander} commands {incident.id}, and only the commander resolves it. "
            f"Ask them, or take command first: tocsin assign commander {person} {incident.id}",
            {"assign", "note"},
        )
    return (*_in_command(incident, command, person), ev.Resolved(at=command.at, actor=command.actor, why=why))


def close(incident: Incident, command: cmd.Close) -> Events:
    """Close without a fix: the commander alone, and for CRITICAL a second person who says the same."""
    why = required(command.why, "Closing without a fix says why")
    if command.closed_as not in CLOSED_AS:
        raise InvalidError(f"An incident closes as {', '.join(CLOSED_AS)}, not as '{command.closed_as}'.")
    person = signer(command)
    proposer = incident.close_proposed_by
    same = incident.close_proposed_as == command.closed_as and incident.commander in {proposer, person}
    seconded = same and proposer not in {"", person}
    if incident.commander not in {"", person} and not seconded:
        raise NotAllowedNowError(
            f"{incident.commander} commands {incident.id}, and only the commander closes it without a fix.",
            {"assign", "note"},
        )
    taken = _in_command(incident, command, person) if not seconded else ()
    closed = ev.Closed(at=command.at, actor=command.actor, closed_as=command.closed_as, why=why)
    if incident.severity is not Severity.CRITICAL:
        return (*taken, closed)
    if not seconded:
        return (*taken, ev.CloseProposed(at=command.at, actor=command.actor, closed_as=command.closed_as, why=why))
    return (replace(closed, cosigner=person),)


def _in_command(incident: Incident, command: cmd.Command, person: str) -> Events:
    """Whoever ends an incident commands it: they take command first unless they have it."""
    if incident.commander == person:
        return ()
    return (
        ev.RoleAssigned(at=command.at, actor=command.actor, role=Role.COMMANDER, person=person, was=incident.commander),
    )


def reopen(incident: Incident, command: cmd.Reopen) -> Events:
    """A person says that it was not over."""
    why = required(command.why, "Reopening says why it was not over")
    return not_over(incident, command, ev.Reopened(at=command.at, actor=command.actor, why=why))


def not_over(incident: Incident, command: cmd.Command, *happened: ev.Event) -> Events:
    """Reopen: the commander, the last responders and the ladder's first step are paged, in one round.

    Args:
        incident: as it ended.
        command: carries the instant, the timings and the roster.
        happened: the reopening, and a raise of the severity when what came back is worse.
    """
    responders = (person for role, person in incident.roles if role is Role.RESPONDER)
    known = dict.fromkeys((incident.commander, *incident.answered_by, *responders, incident.resolved_by))
    state = after(incident, happened)
    ladder = first_ladder(state, command.policy)
    first = ladder.step(0) if ladder.taken_by(0, command.at) else None
    call = Call(
        ev.Cause.REOPENED,
        people=tuple(person for person in known if person),
        levels=first.page if first else (),
        posts=first.post if first else (),
        rung=1 if first else 0,
    )
    return (*happened, open_round(state, command, call))
