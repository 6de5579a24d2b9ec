"""What people and programs are shown: JSON-ready mappings with the names INTERFACE.md promises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tocsin.application.ports import Transaction
from tocsin.application.records import Integration, Page, TimelineEntry, Token
from tocsin.application.summaries import summarize
from tocsin.domain.ahead import Ahead
from tocsin.domain.incident import Incident

GENESIS = bytes(32)
REDACTED = "[redacted]"


def rfc3339(at: datetime | None) -> str | None:
    """An instant as RFC 3339 UTC; None for never."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def incident_view(transaction: Transaction, incident: Incident, next_due_at: datetime | None) -> dict[str, Any]:
    """An incident as it stands."""
    return {
        "id": incident.id,
        "title": incident.title,
        "service": incident.service,
        "severity": incident.severity.value,
        "severity_confirmed": incident.severity_confirmed,
        "status": incident.status.value,
        "phase": incident.phase.value,
        "level": incident.level,
        "round": incident.round,
        "episode": incident.episode,
        "commander": incident.commander or None,
        "commander_acting": incident.acting,
        "roles": [{"role": role.value, "person": person} for role, person in incident.roles],
        "offers": [{"role": offer.role.value, "person": offer.person} for offer in incident.offers],
        "declared_at": rfc3339(incident.declared_at),
        "acknowledged_at": rfc3339(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by or None,
        "first_acknowledged_at": rfc3339(incident.first_acknowledged_at),
        "resolved_at": rfc3339(incident.resolved_at),
        "resolved_by": incident.resolved_by or None,
        "closed_as": incident.closed_as or None,
        "close_proposed_by": incident.close_proposed_by or None,
        "next_due_at": rfc3339(next_due_at),
        "updated_at": rfc3339(incident.updated_at),
        "alerts": incident.alerts,
        "firing": incident.firing,
        "flapping": incident.flapping,
        "held": incident.held_at is not None,
        "pages": transaction.pages.count(incident.id),
        "procedures": incident.procedures,
        "recurrence_of": incident.recurrence_of or None,
        "impact": incident.impact,
        "symptoms": incident.symptoms,
        "users": incident.users,
        "told": list(incident.told),
        "seq": incident.seq,
    }


def page_view(page: Page) -> dict[str, Any]:
    """A page and where it stands."""
    return {
        "id": page.id,
        "incident": page.incident_id or None,
        "person": page.person,
        "channel": page.channel,
        "level": page.level,
        "round": page.round,
        "attempt": page.attempt,
        "topic": page.topic.value,
        "urgent": page.urgent,
        "state": page.state.value,
        "error": page.error or None,
        "intended_at": rfc3339(page.intended_at),
        "send_at": rfc3339(page.send_at),
        "sent_at": rfc3339(page.sent_at),
        "settled_at": rfc3339(page.settled_at),
        "sends": page.fence,
        "provider_id": page.provider_id or None,
        "superseded_by": page.superseded_by or None,
    }


def alert_view(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """An occurrence of an alert: firing, cleared, or stale when its sender has not kept its promise to resend."""
    overdue = row["firing"] and row["ends_at"] is not None and row["ends_at"] < now
    state = "stale" if overdue else "firing" if row["firing"] else "cleared"
    shown = {key: rfc3339(value) if isinstance(value, datetime) else value for key, value in row.items()}
    return {**shown, "state": state}


def ahead_view(ahead: Ahead, names: Mapping[str, str]) -> dict[str, Any]:
    """One round to come."""
    people = ", ".join(names.get(person, person) for person in ahead.people)
    told = ", ".join(names.get(person, person) for person in ahead.posts)
    said = [people] if people else []
    said += [f"{told} (told without waking)"] if told else []
    levels = " and ".join(f"L{level}" for level in ahead.levels)
    return {
        "at": rfc3339(ahead.at),
        "cause": ahead.cause,
        "levels": list(ahead.levels),
        "people": list(ahead.people),
        "posts": list(ahead.posts),
        "summary": f"{levels + ': ' if levels else ''}{'; '.join(said) or 'nobody'}",
    }


def entry_view(entry: TimelineEntry, names: Mapping[str, str]) -> dict[str, Any]:
    """One link of the chain: `data` exactly as it was hashed, the words of people in `summary` and `texts`."""
    try:
        return _entry_view(entry, names)
    except (LookupError, TypeError, ValueError, AttributeError):
        return _unreadable_view(entry)


def _unreadable_view(entry: TimelineEntry) -> dict[str, Any]:
    """A link that was changed, or that a newer release wrote: the others are shown all the same."""
    return {
        "seq": entry.seq,
        "at": rfc3339(datetime.fromtimestamp(0, UTC)),
        "event": "unreadable",
        "v": 0,
        "by": "system",
        "authenticated_by": "system",
        "summary": "This link cannot be read: it was changed, or a newer release wrote it. Verify the timeline.",
        "texts": {},
        "data": {},
        "hash": entry.hash.hex(),
    }


def _entry_view(entry: TimelineEntry, names: Mapping[str, str]) -> dict[str, Any]:
    body = json.loads(entry.body)
    texts = {text_id.partition(".")[2]: words for text_id, (_salt, words) in entry.texts.items()}
    return {
        "seq": entry.seq,
        "at": body["at"],
        "event": body["event"],
        "v": body["v"],
        "by": body["by"],
        "authenticated_by": body["data"]["authenticated_by"],
        "summary": summarize(body["event"], _with_words(body["data"], texts), body["by"], names),
        "texts": texts,
        "data": body["data"],
        "hash": entry.hash.hex(),
    }


def _with_words(data: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        key: texts.get(key, REDACTED) if isinstance(value, dict) and "sha256" in value else value
        for key, value in data.items()
    }


def verify(entries: list[TimelineEntry], head: tuple[int, bytes], incident_id: str) -> list[str]:
    """What is wrong with a chain; nothing when it is whole.

    Args:
        entries: every link, in order.
        head: sequence number and hash the chain must end with.
        incident_id: whose chain it is.
    """
    faults, previous = [], GENESIS
    for number, entry in enumerate(entries, 1):
        faults += _faults_of(entry, number, incident_id)
        if hashlib.sha256(previous + entry.body).digest() != entry.hash:
            faults.append(f"link {number} does not follow from the one before it")
        previous = entry.hash
    if (len(entries), previous) != head:
        faults.append(f"the chain has {len(entries)} links, and its head was number {head[0]}: it was cut or changed")
    return faults


def _faults_of(entry: TimelineEntry, number: int, incident_id: str) -> list[str]:
    """What is wrong with one link, whatever was made of it."""
    try:
        body = json.loads(entry.body)
        said, data = (entry.seq, body["seq"], body["incident"]), body["data"]
        hashes = {name: value["sha256"] for name, value in data.items() if isinstance(value, dict)}
    except (LookupError, TypeError, ValueError, AttributeError):
        return [f"link {number} cannot be read"]
    faults = [] if said == (number, number, incident_id) else [f"link {number} says it is {said[2]} {said[1]}"]
    return faults + [
        f"the text {text_id} is not the one that was hashed"
        for text_id, (salt, words) in entry.texts.items()
        if hashlib.sha256(salt + words.encode()).hexdigest() != hashes.get(text_id.partition(".")[2])
    ]


def integration_view(integration: Integration, base_url: str) -> dict[str, Any]:
    """An integration with its ready-made addresses; admins only, for the key is in them."""
    root = f"{base_url}/ingest/{integration.key}"
    scheme, _, host = base_url.partition("://")
    return {
        "id": integration.id,
        "name": integration.name,
        "service": integration.service,
        "key": integration.key,
        "created_at": rfc3339(integration.created_at),
        "revoked_at": rfc3339(integration.revoked_at),
        "urls": {"alertmanager": f"{root}/alertmanager", "prometheus": f"{base_url}/api/v2/alerts"},
        "snippets": {
            "alertmanager.yml": (
                "receivers:\n  - name: tocsin\n    webhook_configs:\n"
                f"      - url: {root}/alertmanager\n        send_resolved: true\n"
            ),
            "prometheus.yml": (
                f"alerting:\n  alertmanagers:\n    - scheme: {scheme}\n      api_version: v2\n      authorization:\n"
                f"        credentials: {integration.key}\n      static_configs:\n        - targets: [{host}]\n"
            ),
        },
    }


def token_view(token: Token) -> dict[str, Any]:
    """A token without its secret, which nobody has any more."""
    return {
        "id": token.id,
        "role": token.role,
        "person": token.person or None,
        "name": token.name,
        "created_at": rfc3339(token.created_at),
        "revoked_at": rfc3339(token.revoked_at),
    }
