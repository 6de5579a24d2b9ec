"""Operations that move an incident: declare, acknowledge, assign, severity, escalate, note, resolve, close, reopen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tocsin.application.app import Application
from tocsin.application.asked import Nothing, carry, known_person, person_of, shown
from tocsin.application.ingest import declare as begin
from tocsin.application.ports import Transaction
from tocsin.domain import commands as cmd
from tocsin.domain.errors import InvalidError
from tocsin.domain.events import Actor
from tocsin.domain.people import Role
from tocsin.domain.severity import UNKNOWN, Severity

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a person declares (R19)."""

    title: str
    service: str = ""
    severity: Severity | None = None
    symptom: tuple[str, ...] = ()
    users: str = ""
    impact: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """`round` is the round whoever acknowledges was looking at; None is the newest."""

    round: int | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who is to have which role, and why (R2)."""

    role: Role
    person: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that may be left out."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A severity and why."""

    level: Severity
    why: str = ""


@dataclass(frozen=True, slots=True)
class Escalation:
    """A reason (R79) and the level, or None for the next."""

    why: str
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A note."""

    text: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The signed statement that it is over; `take_command` makes whoever resolves the commander first."""

    why: str
    take_command: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """What it turned out to be (false-alarm, duplicate, merged) and why."""

    outcome: str
    why: str


@dataclass(frozen=True, slots=True)
class Reopening:
    """Why it was not over."""

    why: str


def declare(app: Application, actor: Actor, body: Declaration) -> Shown:
    """Begin an incident by hand; whoever is on call is paged at once.

    Raises:
        InvalidError: the service is not in the procedures.
    """

    def work(transaction: Transaction) -> Shown:
        procedures = app.shelf.active(transaction)
        if body.service and body.service not in procedures.services:
            known = ", ".join(sorted(procedures.services))
            raise InvalidError(f"There is no service '{body.service}' in the procedures; there are {known}.")
        now = app.database.now()
        incident_id = transaction.incidents.unused_id(now)
        incident = begin(
            transaction,
            procedures,
            cmd.Declare(
                at=now,
                actor=actor,
                policy=procedures.policy,
                id=incident_id,
                title=body.title,
                service=body.service or next(iter(procedures.services)),
                group=f"declared\x1f{incident_id}",
                severity=body.severity or UNKNOWN,
                origin="person",
                impact=body.impact,
                symptoms="\n".join(body.symptom),
                users=body.users,
            ),
        )
        app.crash("decide.before_commit")
        return shown(app, transaction, incident)

    view = app.database.transact(work)
    app.crash("decide.after_commit")
    app.bell.ring()
    return view


def acknowledge(app: Application, actor: Actor, body: Acknowledgement, incident: str) -> Shown:
    """Say that one has it: the page stops climbing."""
    return carry(app, actor, incident, cmd.Acknowledge, person=person_of(actor), round=body.round)


def assign(app: Application, actor: Actor, body: Assignment, incident: str) -> Shown:
    """Give a role to a person; whoever commands keeps it until the other accepts."""
    if body.person != actor.person:
        app.database.read(lambda tx: known_person(app, tx, body.person))
    return carry(app, actor, incident, cmd.Assign, role=body.role, person=body.person, why=body.why)


def accept(app: Application, actor: Actor, _body: Nothing, incident: str) -> Shown:
    """Take over the role one was offered."""
    return carry(app, actor, incident, cmd.Accept, person=person_of(actor))


def decline(app: Application, actor: Actor, body: Reason, incident: str) -> Shown:
    """Say that one cannot take it: the next is paged at once."""
    return carry(app, actor, incident, cmd.Decline, person=person_of(actor), why=body.why)


def severity(app: Application, actor: Actor, body: Level, incident: str) -> Shown:
    """Change or confirm the severity (R6, R16)."""
    return carry(app, actor, incident, cmd.ChangeSeverity, severity=body.level, why=body.why)


def escalate(app: Application, actor: Actor, body: Escalation, incident: str) -> Shown:
    """Page a higher level now (R79)."""
    return carry(app, actor, incident, cmd.Escalate, why=body.why, level=body.level)


def note(app: Application, actor: Actor, body: Words, incident: str) -> Shown:
    """Write something down."""
    return carry(app, actor, incident, cmd.Note, text=body.text)


def resolve(app: Application, actor: Actor, body: Resolution, incident: str) -> Shown:
    """Call it over with a signed statement; only the commander may."""
    return carry(app, actor, incident, cmd.Resolve, why=body.why, take_command=body.take_command)


def close(app: Application, actor: Actor, body: Closing, incident: str) -> Shown:
    """Close it without a fix."""
    return carry(app, actor, incident, cmd.Close, closed_as=body.outcome, why=body.why)


def reopen(app: Application, actor: Actor, body: Reopening, incident: str) -> Shown:
    """It was not over."""
    return carry(app, actor, incident, cmd.Reopen, why=body.why)
