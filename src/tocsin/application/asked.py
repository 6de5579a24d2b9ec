"""What the operations share: which incident is meant, who acts, and the facts of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tocsin.application.app import Application
from tocsin.application.handle import BROKEN_RULES, bound_policy, change
from tocsin.application.ports import Transaction
from tocsin.application.views import incident_view
from tocsin.domain.commands import Command
from tocsin.domain.errors import ForbiddenError, InvalidError, NotFoundError
from tocsin.domain.escalation import next_due
from tocsin.domain.events import Actor
from tocsin.domain.incident import Incident


@dataclass(frozen=True, slots=True)
class Nothing:
    """The body of an operation that takes no facts."""


def meant(transaction: Transaction, name: str) -> str:
    """The id a name stands for: an id, an unambiguous ending of one, or "last".

    Raises:
        NotFoundError: no incident, or more than one.
    """
    found = transaction.incidents.resolve_name(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFoundError(f"'{name}' may be {', '.join(found)}: say more of it. Nothing was changed.")
    raise NotFoundError(f"There is no incident '{name}'. See which there are: tocsin list")


def person_of(actor: Actor) -> str:
    """The person who acts.

    Raises:
        ForbiddenError: nobody does, so it would be nobody's act.
    """
    if actor.person is None:
        raise ForbiddenError(f"Only a person can do this, and {actor.by} is none.")
    return actor.person


def known_person(app: Application, transaction: Transaction, person: str) -> str:
    """A person of the procedures in force.

    Raises:
        InvalidError: the procedures do not know them.
    """
    people = app.shelf.active(transaction).people
    if person not in people:
        raise InvalidError(f"There is no person '{person}' in the procedures; there are {', '.join(sorted(people))}.")
    return person


def carry(app: Application, actor: Actor, incident: str, kind: type[Command], **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - the fields of `kind`
    """Carry out a command on one incident and show the incident afterwards.

    Args:
        app: the application.
        actor: who acts.
        incident: id, ending or "last".
        kind: the command.
        asked: its own fields; `at`, `policy` and `roster` are filled in.
    """
    incident_id = app.database.read(lambda tx: meant(tx, incident))
    after = change(
        app,
        incident_id,
        lambda known, _incident: kind(at=known.at, actor=actor, policy=known.policy, roster=known.roster, **asked),
    )
    return app.database.read(lambda tx: shown(app, tx, after))


def shown(app: Application, transaction: Transaction, incident: Incident) -> dict[str, Any]:
    """An incident with the time of its next step; without it when its rules are broken, for it is to be seen anyway."""
    try:
        next_due_at = next_due(incident, bound_policy(app, transaction, incident))
    except BROKEN_RULES:
        next_due_at = None
    return incident_view(transaction, incident, next_due_at)
