"""Canaries: alerts of our own that go the way of every alert, and end in a channel of our own instead of an incident.

They prove the whole path, from the door to the recorded result, so each goes by a channel that only its own node has:
nobody else's work proves anything about this one. A node of another release lets them fail, which harms nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tocsin.application.app import Application
from tocsin.application.ports import Message, Transaction
from tocsin.application.records import Integration, Page
from tocsin.domain.alerts import Signal
from tocsin.domain.react import Topic
from tocsin.domain.severity import Severity

KEPT = timedelta(minutes=10)
_CHANNEL = "canary-"
_PAGE = "pg-canary-"
_LABEL = "canary"


def sender() -> Integration:
    """The sender of a process's canaries; its key is in no table, so nobody reads, copies or restores it."""
    return Integration(_LABEL, "canary", secrets.token_urlsafe(24), "", datetime.fromtimestamp(0, UTC))


def channel_of(node: str) -> str:
    """The channel by which a node's canaries go; no contact can name it."""
    return f"{_CHANNEL}{node}"


def payload(flight: str) -> dict[str, object]:
    """A canary as a sender delivers it, in Alertmanager's format."""
    alert = {"status": "firing", "labels": signal(flight).labels, "annotations": {}}
    return {"version": "4", "status": "firing", "alerts": [alert]}


def signal(flight: str) -> Signal:
    """A canary as a source understands it."""
    return Signal({"alertname": "TocsinCanary", _LABEL: flight}, firing=True)


def page_id(flight: str) -> str:
    """The page that a flight ends in."""
    return f"{_PAGE}{flight}"


def is_sender(integration: Integration) -> bool:
    """Whether what it sends are canaries."""
    return integration.id == _LABEL


def is_canary(page: Page) -> bool:
    """Whether a page is a canary's, of whatever node."""
    return page.topic is Topic.TEST and page.channel.startswith(_CHANNEL)


def take_in(app: Application, transaction: Transaction, signals: Sequence[Signal]) -> None:
    """Plan the pages of canaries in the transaction that stores alerts, and forget those of long ago."""
    now = app.database.now()
    transaction.pages.forget_tests(_CHANNEL, now - KEPT)
    transaction.pages.plan([_page(app, signal.labels.get(_LABEL, ""), now) for signal in signals])


def _page(app: Application, flight: str, now: datetime) -> Page:
    return Page(
        id=page_id(flight),
        incident_id="",
        seq=0,
        round=0,
        level=0,
        person="",
        channel=channel_of(app.node),
        attempt=1,
        topic=Topic.TEST,
        lane=Severity.CRITICAL.rank,
        send_at=now,
        intended_at=now,
    )


def message(page: Page) -> Message:
    """What a canary carries; nobody reads it."""
    return Message(page.id, "", Severity.LOW, urgent=False, to="", person="", subject="Canary", text="Canary")
