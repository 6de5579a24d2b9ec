"""Rows for the store's contract, made by the real rules where rules make them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.unit.domain.promised import MONITOR, POLICY, ROSTER, START, signed_in
from tocsin.application.ports import Transaction
from tocsin.application.records import Integration, NewAlert, Page, PageState
from tocsin.domain import commands as cmd
from tocsin.domain.alerts import fingerprint
from tocsin.domain.decide import decide
from tocsin.domain.escalation import next_due
from tocsin.domain.incident import Incident, after, fold
from tocsin.domain.react import Topic
from tocsin.domain.severity import Severity

__all__ = ["INTEGRATION", "START", "act", "alert", "declare", "later", "note", "page", "resolve", "settled"]

INTEGRATION = Integration("int-1", "alertmanager", "key-1", "claudex", START)


def later(seconds: float) -> datetime:
    """So long after the start."""
    return START + timedelta(seconds=seconds)


def _facts(at: datetime) -> dict[str, Any]:
    return {"at": at, "policy": POLICY, "roster": ROSTER}


def declare(
    transaction: Transaction,
    incident_id: str,
    *,
    group: str = "",
    severity: Severity = Severity.HIGH,
    at: datetime = START,
    title: str = "ClaudexDown",
) -> Incident:
    """Begin an incident and store it; its group is its own unless one is given."""
    command = cmd.Declare(
        **_facts(at),
        actor=MONITOR,
        id=incident_id,
        title=title,
        service="claudex",
        group=group or f"group of {incident_id}",
        severity=severity,
        origin="alert",
    )
    return _append(transaction, None, command)


def act(
    transaction: Transaction, incident: Incident, kind: type[cmd.Command], *, at: datetime, **asked: Any
) -> Incident:
    """Let Ana carry out a command on an incident and store what follows."""
    return _append(transaction, incident, kind(**_facts(at), actor=signed_in("ana"), **asked))


def note(transaction: Transaction, incident: Incident, text: str, at: datetime) -> Incident:
    return act(transaction, incident, cmd.Note, at=at, text=text)


def resolve(transaction: Transaction, incident: Incident, at: datetime) -> Incident:
    return act(transaction, incident, cmd.Resolve, at=at, why="restarted", take_command=True)


def _append(transaction: Transaction, incident: Incident | None, command: cmd.Command) -> Incident:
    events = decide(incident, command)
    state = after(incident, events) if incident is not None else fold(events)
    transaction.incidents.append([(state, events, next_due(state, POLICY))])
    return state


def alert(incident_id: str, name: str = "web-1", *, at: datetime = START, integration: str = "int-1") -> NewAlert:
    """A firing alert of an instance."""
    labels = {"alertname": "ClaudexDown", "instance": name}
    return NewAlert(
        integration_id=integration,
        fingerprint=fingerprint(labels),
        incident_id=incident_id,
        name="ClaudexDown",
        severity="critical",
        starts_at=at,
        ends_at=None,
        seen_at=at,
        digest=b"12345678",
        payload=b'{"annotations":{},"labels":{"alertname":"ClaudexDown"},"link":""}',
    )


def page(number: int | str, **facts: Any) -> Page:
    """A page to Ana by mail in round 1 of INC-1, due at once, unless other facts are given."""
    usual = Page(
        id=f"pg-{number}",
        incident_id="INC-1",
        seq=2,
        round=1,
        level=1,
        person="ana",
        channel="email",
        attempt=1,
        topic=Topic.PAGE,
        lane=1,
        send_at=START,
        intended_at=START,
    )
    return replace(usual, **facts)


def settled(transaction: Transaction, planned: Page, state: PageState, at: datetime = START) -> Page:
    """Plan a page, claim it and record a result; as it is afterwards."""
    transaction.pages.plan([planned])
    mine = next(
        it
        for it in transaction.pages.claim(planned.channel, at, "n1", at + timedelta(seconds=10), 99)
        if it.id == planned.id
    )
    assert transaction.pages.settle(mine, state, at, "", "")
    found = transaction.pages.get(planned.id)
    assert found is not None
    return found
