"""Operations for those who run Tocsin: test pages, overrides, integrations, tokens, procedures."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from tocsin.application.access import new_token
from tocsin.application.app import Application
from tocsin.application.asked import Nothing, known_person
from tocsin.application.looks import moment
from tocsin.application.operations import Access
from tocsin.application.ports import Transaction
from tocsin.application.records import Integration, Page
from tocsin.application.views import integration_view, page_view, rfc3339, token_view
from tocsin.domain.errors import InvalidError, NotFoundError
from tocsin.domain.events import Actor
from tocsin.domain.react import Topic
from tocsin.domain.schedules import Override
from tocsin.domain.severity import Severity

Shown = dict[str, Any]
_TEST_LANE = Severity.LOW.rank


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who stands in for a schedule, and when (RFC 3339)."""

    schedule: str
    person: str
    starts_at: str
    ends_at: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender's name and the service its alerts belong to when they name none."""

    name: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do, and whose it is."""

    role: Access
    person: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class NewProcedures:
    """A checked procedures document, and the version the sender knows it by; `dry_run` changes nothing."""

    data: dict[str, Any]
    version: str = ""
    dry_run: bool = False


def page_test(app: Application, _actor: Actor, _body: Nothing, person: str) -> Shown:
    """Send a page that is plainly a test, by every way the person has."""

    def work(transaction: Transaction) -> list[Page]:
        known = app.shelf.active(transaction).people[known_person(app, transaction, person)]
        now = app.database.now()
        planned = [
            Page(
                id=f"pg-{secrets.token_hex(10)}",
                incident_id="",
                seq=0,
                round=0,
                level=0,
                person=person,
                channel=contact.channel,
                attempt=1,
                topic=Topic.TEST,
                lane=_TEST_LANE,
                send_at=now,
                intended_at=now,
            )
            for contact in known.contacts
        ]
        transaction.pages.plan(planned)
        return planned

    pages = app.database.transact(work)
    app.bell.ring()
    return {"items": [page_view(page) for page in pages], "next": None}


def override_view(override: Override) -> Shown:
    """An override."""
    return {
        "id": override.id,
        "schedule": override.schedule,
        "person": override.person,
        "starts_at": rfc3339(override.starts_at),
        "ends_at": rfc3339(override.ends_at),
    }


def override_add(app: Application, _actor: Actor, body: StandIn) -> Shown:
    """Let somebody stand in."""
    now = app.database.now()
    starts_at, ends_at = moment(body.starts_at, now), moment(body.ends_at, now)
    if ends_at <= starts_at:
        raise InvalidError("An override ends after it starts; nothing was changed.")

    def work(transaction: Transaction) -> Override:
        schedules = app.shelf.active(transaction).schedules
        if body.schedule not in schedules:
            raise InvalidError(f"There is no schedule '{body.schedule}'; there are {', '.join(sorted(schedules))}.")
        person = known_person(app, transaction, body.person)
        override = Override(f"ovr-{secrets.token_hex(4)}", body.schedule, person, starts_at, ends_at)
        transaction.accounts.add_override(override)
        return override

    return override_view(app.database.transact(work))


def override_list(app: Application, _actor: Actor, _body: Nothing) -> Shown:
    """Who stands in, and when."""
    found = app.database.read(lambda tx: tx.accounts.overrides())
    return {"items": [override_view(override) for override in found], "next": None}


def override_remove(app: Application, _actor: Actor, _body: Nothing, override: str) -> Shown:
    """End an override."""
    if not app.database.transact(lambda tx: tx.accounts.remove_override(override)):
        raise NotFoundError(f"There is no override {override}.")
    return {"id": override, "removed": True}


def integration_add(app: Application, _actor: Actor, body: Sender) -> Shown:
    """Let a monitoring system send alerts."""
    if not body.name.strip():
        raise InvalidError("An integration needs a name, such as the monitoring system's.")

    def work(transaction: Transaction) -> Shown:
        procedures = app.shelf.active(transaction)
        service = body.service or next(iter(procedures.services))
        if service not in procedures.services:
            raise InvalidError(f"There is no service '{service}'; there are {', '.join(sorted(procedures.services))}.")
        integration = Integration(
            id=f"int-{secrets.token_hex(4)}",
            name=body.name.strip(),
            key=secrets.token_urlsafe(24),
            service=service,
            created_at=app.database.now(),
        )
        transaction.accounts.add_integration(integration)
        return integration_view(integration, app.base_url(procedures))

    return app.database.transact(work)


def integration_list(app: Application, _actor: Actor, _body: Nothing) -> Shown:
    """Who may send alerts, with their keys: they can only write."""

    def work(transaction: Transaction) -> Shown:
        base_url = app.base_url(app.shelf.active(transaction))
        items = [integration_view(one, base_url) for one in transaction.accounts.integrations()]
        return {"items": items, "next": None}

    return app.database.read(work)


def integration_revoke(app: Application, _actor: Actor, _body: Nothing, integration: str) -> Shown:
    """End a sender's key."""
    now = app.database.now()
    if not app.database.transact(lambda tx: tx.accounts.revoke_integration(integration, now)):
        raise NotFoundError(f"There is no integration {integration} that is still in use.")
    return {"id": integration, "revoked": True}


def token_create(app: Application, _actor: Actor, body: Grant) -> Shown:
    """Make an API token; its secret is shown this once."""

    def work(transaction: Transaction) -> Shown:
        if body.person:
            known_person(app, transaction, body.person)
        secret, token = new_token(app, body.role, body.person, body.name)
        transaction.accounts.add_token(token)
        return token_view(token) | {"token": secret}

    return app.database.transact(work)


def token_list(app: Application, _actor: Actor, _body: Nothing) -> Shown:
    """Tokens without their secrets."""
    found = app.database.read(lambda tx: tx.accounts.tokens())
    return {"items": [token_view(token) for token in found], "next": None}


def token_revoke(app: Application, _actor: Actor, _body: Nothing, token: str) -> Shown:
    """End a token and every session opened with it."""
    now = app.database.now()
    if not app.database.transact(lambda tx: tx.accounts.revoke_token(token, now)):
        raise NotFoundError(f"There is no token {token} that is still in use.")
    return {"id": token, "revoked": True}


def procedures_show(app: Application, _actor: Actor, _body: Nothing) -> Shown:
    """The procedures in force, in short."""
    active = app.database.read(app.shelf.active)
    return {
        "version": active.version,
        "services": sorted(active.services),
        "people": sorted(active.people),
        "schedules": sorted(active.schedules),
        "levels": {str(level): title for level, title in active.policy.levels.items()},
    }


def procedures_apply(app: Application, _actor: Actor, body: NewProcedures) -> Shown:
    """Make a checked document the active version, atomically; incidents under way keep the version they began with."""
    data = json.dumps(body.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    version = hashlib.sha256(data).hexdigest()
    if body.version not in {"", version}:
        raise InvalidError("The document is not the one its version names; nothing was changed. Run the check again.")
    app.shelf.rehearse(data, version)
    before = app.database.read(lambda tx: tx.accounts.active_version())
    if not body.dry_run:
        now = app.database.now()
        app.database.transact(lambda tx: tx.accounts.save_procedures(version, data, now))
        app.bell.ring()
    return {"version": version, "before": before or None, "applied": not body.dry_run}
