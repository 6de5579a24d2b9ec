"""Rows the use cases read and write, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.domain.react import Topic


class PageState(StrEnum):
    """Where a page stands (RULES.md *Who is told*)."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    EXHAUSTED = "exhausted"


LIVE = (PageState.PLANNED, PageState.SENDING, PageState.ACCEPTED, PageState.DELIVERED)
"""States in which a page may still reach, or has reached, its person."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page or post; its id is derived from its key (incident, round, level, person, channel, attempt).

    Args:
        seq: sequence number of the event that asked for it.
        lane: 0 to 3 by severity for pages, 4 for posts; a lower lane goes first.
        send_at: not before this instant.
        owner: node that claimed it last; empty when nobody did.
        fence: times it was claimed; a result counts only with the fence it was claimed under.
        superseded_by: sequence number of the event that made it needless; 0 when none did.
        company: other pages that were claimed together with it and go out in one message, each under its own fence.
    """

    id: str
    incident_id: str
    seq: int
    round: int
    level: int
    person: str
    channel: str
    attempt: int
    topic: Topic
    lane: int
    send_at: datetime
    intended_at: datetime
    state: PageState = PageState.PLANNED
    owner: str = ""
    fence: int = 0
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    error: str = ""
    provider_id: str = ""
    superseded_by: int = 0
    company: tuple[Page, ...] = ()

    @property
    def urgent(self) -> bool:
        """Whether it wakes."""
        return self.topic is Topic.PAGE


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on pages: by which node, from when, and until when."""

    owner: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """The most urgent page that is due on a channel, or post; `page_id` names it.

    `again` is true where its claim ran out: its node died, perhaps, and it has waited long enough.
    """

    page_id: str
    person: str
    lane: int
    topic: Topic
    attempt: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Crowd:
    """What reaches one person by one channel: pages, or posts.

    Args:
        heard_at: when the last message of the span went to them; None when none did.
        heard_lane: the most urgent lane of what the messages of the span carried.
        intended: how many were to go within the span, counted no further than was asked for.
        oldest_at: since when the one waits that has waited longest; says nothing once `intended` is at its limit.
    """

    heard_at: datetime | None
    heard_lane: int
    intended: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An open occurrence of an alert, as much of it as ingest needs."""

    id: int
    fingerprint: bytes
    incident_id: str
    firing: bool
    starts_at: datetime | None
    last_seen_at: datetime
    digest: bytes


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An occurrence to store.

    Args:
        digest: hash of what may change without a new identity; an unchanged repeat is not written again.
        payload: the alert as JSON, as it was received.
    """

    integration_id: str
    fingerprint: bytes
    incident_id: str
    name: str
    severity: str
    starts_at: datetime | None
    ends_at: datetime | None
    seen_at: datetime
    digest: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Integration:
    """A sender; its key can only write, so admins may read it."""

    id: str
    name: str
    key: str
    service: str
    created_at: datetime
    revoked_at: datetime | None = None
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token; only its hash is stored."""

    id: str
    hash: bytes
    role: str
    person: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser session; `incident_id` is set for one opened by an acknowledge link."""

    hash: bytes
    role: str
    person: str
    incident_id: str
    token_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One link of an incident's chain, with the texts that belong to it."""

    seq: int
    body: bytes
    hash: bytes
    texts: dict[str, tuple[bytes, str]]
