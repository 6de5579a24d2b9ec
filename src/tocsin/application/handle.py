"""★ The loop: decide → evolve → react, and everything that follows from it in ONE transaction.

Whoever changes an incident comes through here: people, alerts and the clock alike.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.application.app import Application
from tocsin.application.ports import Transaction
from tocsin.application.records import Page
from tocsin.domain.commands import Command
from tocsin.domain.decide import decide
from tocsin.domain.errors import NotAllowedNowError, NotFoundError, TocsinError
from tocsin.domain.escalation import next_due
from tocsin.domain.events import Event
from tocsin.domain.incident import Incident, evolve
from tocsin.domain.people import Roster
from tocsin.domain.policy import Policy
from tocsin.domain.procedures import Procedures
from tocsin.domain.react import AnswerPages, Effect, SendPage, StopPages, Tell, Topic, react
from tocsin.domain.rounds import VOICE
from tocsin.domain.schedules import Override, on_call

POST_LANE = 4
"""Posts go behind every page."""

BROKEN_RULES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TocsinError,
    TypeError,
    ValueError,
)
"""What rules that cannot be computed end in. A database's own errors are not among them: they end the transaction."""

log = logging.getLogger("tocsin.application")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a command needs to know beyond what was asked.

    Args:
        at: the instant of the decision, never before the incident's newest event.
        policy: the timings the incident is bound to.
        roster: who could be told right now.
    """

    at: datetime
    policy: Policy
    roster: Roster


def roster(transaction: Transaction, procedures: Procedures, service: str, at: datetime) -> Roster:
    """Who is on call for a service at an instant, overrides included; read live for every decision."""
    overrides = standing(transaction, procedures)
    known = procedures.service(service, "")
    levels = {}
    for level, schedules in known.staffing.items():
        names = dict.fromkeys(
            person
            for name in schedules
            if name in procedures.schedules
            for person in on_call(procedures.schedules[name], at, overrides)
        )
        levels[level] = tuple(procedures.people[name] for name in names if name in procedures.people)
    return Roster(levels=levels, people=procedures.people)


def standing(transaction: Transaction, procedures: Procedures) -> list[Override]:
    """Overrides that count: one whose person the procedures do not know any more leaves the turn to whose it is."""
    return [override for override in transaction.accounts.overrides() if override.person in procedures.people]


def facts(app: Application, transaction: Transaction, incident: Incident) -> Facts:
    """The facts for a decision on an incident: bound timings, live people (RULES.md *Identity and procedures*)."""
    at = max(app.database.now(), incident.updated_at)
    live = app.shelf.active(transaction)
    return Facts(at, bound_policy(app, transaction, incident), roster(transaction, live, incident.service, at))


def bound_policy(app: Application, transaction: Transaction, incident: Incident) -> Policy:
    """The timings an incident is bound to.

    Those in force when its own cannot be read any more: it climbs by somebody's rules rather than by none, and can be
    acknowledged.
    """
    try:
        return app.shelf.version(transaction, incident.procedures).policy
    except BROKEN_RULES as error:
        log.warning("%s goes by the procedures in force; its own cannot be read: %s", incident.id, error)
        return app.shelf.active(transaction).policy


def found(transaction: Transaction, incident_id: str) -> Incident:
    """The incident, locked.

    Raises:
        NotFoundError: there is none of that id.
    """
    incident = transaction.incidents.load(incident_id)
    if incident is None:
        raise NotFoundError(f"There is no incident {incident_id}.")
    return incident


def change(app: Application, incident_id: str, command: Callable[[Facts, Incident], Command]) -> Incident:
    """Change one incident in a transaction of its own.

    Args:
        app: the application.
        incident_id: which.
        command: builds the command from the facts and the incident as it stands.

    Raises:
        NotFoundError: there is no such incident.
        NotAllowedNowError: the incident's state is in the way.
        InvalidError: the command is wrong in every state.
        UnavailableError: the database is out of reach; nothing was changed.
    """

    def work(transaction: Transaction) -> Incident:
        incident = found(transaction, incident_id)
        after = carry_out(transaction, incident, command(facts(app, transaction, incident), incident))
        app.crash("decide.before_commit")
        return after

    after = app.database.transact(work)
    app.crash("decide.after_commit")
    app.bell.ring()
    return after


def carry_out(transaction: Transaction, incident: Incident | None, command: Command) -> Incident:
    """Decide, fold, and store events, state, timer and pages in the caller's transaction.

    Args:
        transaction: the caller's; `incident` was loaded in it.
        incident: as it stands; None when the command declares it.
        command: what is asked.

    Returns:
        The incident afterwards; unchanged when nothing happened.

    Raises:
        NotAllowedNowError, InvalidError: as `decide`.
    """
    decision = weigh(incident, command)
    keep(transaction, [decision])
    return decision.after


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command comes to, before anything is written.

    Args:
        before: the incident as it was loaded; None when the command declares it.
        after: the incident with every event folded in.
        events: what happened, in order.
        steps: for each event the incident with it folded in, and what it obliges to.
        next_due_at: when to look again.
        command: what was asked.
    """

    before: Incident | None
    after: Incident
    events: Sequence[Event]
    steps: Sequence[tuple[Incident, tuple[Effect, ...]]]
    next_due_at: datetime | None
    command: Command


def weigh(incident: Incident | None, command: Command) -> Decision:
    """Decide and fold; nothing is written, so rules that break leave nothing half done behind.

    Raises:
        NotAllowedNowError, InvalidError: as `decide`.
    """
    events = decide(incident, command)
    after, steps = incident, []
    for event in events:
        before, after = after, evolve(after, event)
        steps.append((after, react(before, after, event)))
    assert after is not None, "declaring always has events"
    return Decision(incident, after, events, steps, next_due(after, command.policy), command)


def keep(transaction: Transaction, decisions: Sequence[Decision]) -> None:
    """Write decisions, each on another incident; together they cost hardly more statements than one of them.

    Raises:
        NotAllowedNowError: a group would have two unresolved incidents.
    """
    for one in decisions:
        if not one.events:
            transaction.incidents.rearm(one.after.id, one.next_due_at)
        _require_only_open(transaction, one.before, one.after)
    transaction.incidents.append([(one.after, one.events, one.next_due_at) for one in decisions if one.events])
    _carry_effects(transaction, decisions)
    for one in decisions:
        if one.before is not None and one.before.is_open and not one.after.is_open:
            transaction.alerts.end(one.after.id, firing_too=not one.after.closed_as)


def _require_only_open(transaction: Transaction, before: Incident | None, after: Incident) -> None:
    """A group has one unresolved incident: an earlier one cannot be reopened beside it."""
    if before is None or before.is_open or not after.is_open:
        return
    other = transaction.incidents.open_in_group(after.group)
    if other is not None:
        raise NotAllowedNowError(
            f"{after.id} came back as {other.id}, which is open; go on there. Nothing was changed.", {"note"}
        )


def _carry_effects(transaction: Transaction, decisions: Sequence[Decision]) -> None:
    """In the order of events, and of one event stops before plans: it must not stop what it plans itself."""
    planned: list[Page] = []
    for one in decisions:
        for after, effects in one.steps:
            if any(isinstance(effect, StopPages | AnswerPages) for effect in effects):
                transaction.pages.plan(planned)
                planned = []
            for effect in effects:
                if isinstance(effect, StopPages):
                    transaction.pages.stop(after.id, effect.rounds, effect.person, after.seq)
                elif isinstance(effect, AnswerPages):
                    transaction.pages.acknowledge(after.id, effect.rounds, effect.person)
            planned += [page for effect in effects if (page := _planned(after, effect, one.command)) is not None]
    transaction.pages.plan(planned)


def _planned(after: Incident, effect: Effect, command: Command) -> Page | None:
    if isinstance(effect, SendPage):
        return intent(after, effect, command.at, attempt=1)
    return _post(after, effect, command) if isinstance(effect, Tell) else None


def intent(incident: Incident, send: SendPage, at: datetime, attempt: int, *, seq: int | None = None) -> Page:
    """The intent to page, its id derived from its key, so that deciding twice cannot page twice.

    Args:
        incident: the incident with the event folded in that asks for it.
        send: whom, how, when.
        at: when it was intended.
        attempt: from 1.
        seq: the event's number, when it is not the incident's newest.
    """
    urgent = send.topic is Topic.PAGE
    event_seq = incident.seq if seq is None else seq
    key = [incident.id, send.round, send.level, send.person, send.channel, attempt, send.topic.value]
    if not urgent:
        key.append(event_seq)
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).hexdigest()
    return Page(
        id=f"pg-{digest[:20]}",
        incident_id=incident.id,
        seq=event_seq,
        round=send.round,
        level=send.level,
        person=send.person,
        channel=send.channel,
        attempt=attempt,
        topic=send.topic,
        lane=incident.severity.rank if urgent else POST_LANE,
        send_at=send.send_at,
        intended_at=at,
    )


def _post(incident: Incident, tell: Tell, command: Command) -> Page | None:
    """A quiet message by the person's own quiet channel; nothing for somebody unknown, or who can only be called."""
    person = command.roster.people.get(tell.person)
    if person is None or person.quiet == VOICE or person.reached_by(person.quiet) is None:
        return None
    send = SendPage(tell.topic, tell.round, 0, tell.person, person.quiet, command.at)
    return intent(incident, send, command.at, attempt=1)
