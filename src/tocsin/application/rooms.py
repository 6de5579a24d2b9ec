"""The rooms of the store: what can be done to incidents, alerts, pages and accounts inside one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from tocsin.application.records import (
    AlertRow,
    Crowd,
    Integration,
    Lease,
    NewAlert,
    Page,
    PageState,
    Session,
    TimelineEntry,
    Token,
    Waiting,
)
from tocsin.domain.events import Event
from tocsin.domain.incident import Incident
from tocsin.domain.schedules import Override

Addition = tuple[Incident, Sequence[Event], datetime | None]
"""An incident as some events leave it, its `seq` counting the last of them; the events; when its timer runs out."""


class Incidents(Protocol):
    """Incidents and their chains, inside one transaction."""

    def load(self, incident_id: str) -> Incident | None:
        """The incident, locked until the transaction ends."""
        ...

    def open_in_group(self, group: str) -> Incident | None:
        """The unresolved incident of a group, locked."""
        ...

    def newest_in_groups(self, groups: Sequence[str]) -> dict[str, str]:
        """Group to the id of its unresolved incident, else of the one that ended last; nothing is locked."""
        ...

    def unused_id(self, at: datetime) -> str:
        """A free id for an incident declared at an instant (R26, decision P)."""
        ...

    def load_all(self, incident_ids: Sequence[str]) -> dict[str, Incident]:
        """Those of the incidents that can be read, locked in the order of their ids until the transaction ends."""
        ...

    def append(self, additions: Sequence[Addition]) -> None:
        """Add events to chains, each of another incident, and store the states they lead to."""
        ...

    def due(self, at: datetime, limit: int) -> list[Incident | str]:
        """Incidents whose timer has run out, oldest first, locked, none another node holds; ids of unreadable ones."""
        ...

    def rearm(self, incident_id: str, next_due_at: datetime | None) -> None:
        """Set the timer of an incident without an event."""
        ...

    def resolve_name(self, name: str) -> list[str]:
        """Ids an id, an ending of one, or "last" may stand for."""
        ...

    def page_of(self, status: str, before: str, limit: int) -> list[Incident]:
        """Readable incidents newest first; `status` "" all, "open", or a Status; `before` an id to go on after."""
        ...

    def timeline(self, incident_id: str, after_seq: int, limit: int) -> list[TimelineEntry]:
        """Links of the chain in order."""
        ...

    def events(self, incident_id: str) -> list[Event]:
        """The whole log, for a fold."""
        ...

    def event(self, incident_id: str, seq: int) -> Event | None:
        """One event of the log."""
        ...

    def head(self, incident_id: str) -> tuple[int, bytes]:
        """Sequence number and hash of the last link as the state row has it."""
        ...

    def count(self, status: str) -> int:
        """How many incidents there are of a status."""
        ...


class Alerts(Protocol):
    """Occurrences of alerts, inside one transaction."""

    def open_occurrences(self, integration_id: str, fingerprints: Sequence[bytes]) -> dict[bytes, AlertRow]:
        """The open occurrences among these identities; `changed` notices when another node is quicker."""
        ...

    def insert(self, alerts: Sequence[NewAlert]) -> None:
        """Store new occurrences."""
        ...

    def seen(self, rows: Sequence[tuple[int, datetime, datetime | None]]) -> None:
        """Touch unchanged repeats: id, seen at, ends at."""
        ...

    def changed(self, rows: Sequence[tuple[int, bool, bool, NewAlert]]) -> None:
        """Store what a sender now says of an occurrence: id, whether it was firing, whether it is, content.

        When one is not as it was read, the transaction is run again. Incidents are locked before their alerts.
        """
        ...

    def end(self, incident_id: str, *, firing_too: bool) -> None:
        """Close the occurrences of an ended incident; those still firing only when `firing_too`."""
        ...

    def forget_payloads(self, before: datetime, limit: int) -> int:
        """Drop what senders said in occurrences that ended and were last seen before; how many, `limit` at the most."""
        ...

    def page_of(self, incident_id: str, after_id: int, limit: int) -> list[dict[str, Any]]:
        """Occurrences of an incident as JSON-ready mappings, oldest first, each with its `id`."""
        ...


class Pages(Protocol):
    """Pages and their send state, inside one transaction."""

    def plan(self, pages: Sequence[Page]) -> None:
        """Store intents; one that exists already is left as it is."""
        ...

    def stop(self, incident_id: str, rounds: Sequence[int], person: str, seq: int) -> None:
        """Supersede what is planned in these rounds, for one person when `person` is set."""
        ...

    def acknowledge(self, incident_id: str, rounds: Sequence[int], person: str) -> None:
        """Pages of these rounds that reached their person were acknowledged by them."""
        ...

    def claim(self, channel: str, at: datetime, owner: str, lease_until: datetime, limit: int) -> list[Page]:
        """Take due pages of a channel, most urgent lane first; the fence of each is raised."""
        ...

    def channels_waiting(self, before: datetime) -> list[str]:
        """Names of channels with a page that was to be sent before an instant."""
        ...

    def channels_due(self, channels: Collection[str], at: datetime) -> list[str]:
        """Which of these channels have a page that is due; quick however many are."""
        ...

    def claimed(self, page: Page) -> Page | None:
        """The page as it is now if the claim still holds and nothing superseded it; else None."""
        ...

    def renew(self, page: Page, lease_until: datetime) -> bool:
        """Begin a claim's lease anew; False when the claim no longer holds."""
        ...

    def settle(self, page: Page, state: PageState, at: datetime, error: str, provider_id: str) -> bool:
        """Record a result under the claim's fence; False when the claim no longer holds."""
        ...

    def hasten(self, page: Page, at: datetime) -> int:
        """Send the person's other planned pages of the round now; how many there were."""
        ...

    def hasten_waiting(self, before: datetime, at: datetime) -> int:
        """Send now the other planned pages of people whose first one should have left before an instant; how many."""
        ...

    def live(self, incident_id: str, round_number: int, level: int) -> int:
        """How many pages of a round and level may still reach, or have reached, somebody."""
        ...

    def unreported(self, limit: int) -> dict[str, list[Page]]:
        """Settled pages whose result is not on the chain yet, by incident."""
        ...

    def reported(self, pages: Sequence[Page]) -> list[Page]:
        """Their results are on the chain from here on; those that were not yet. The caller holds their incident."""
        ...

    def get(self, page_id: str) -> Page | None:
        """One page."""
        ...

    def page_of(self, incident_id: str, after: str, limit: int) -> list[Page]:
        """Pages of an incident in the order they were intended."""
        ...

    def count(self, incident_id: str) -> int:
        """How many pages an incident has."""
        ...

    def next_at(self) -> datetime | None:
        """When the earliest page is to be sent or its lease runs out; None when none waits."""
        ...

    def mend(self, before: datetime) -> int:
        """Let pages that should have left before an instant, in a lane that is none, go out first; how many."""
        ...

    def forget_tests(self, channels: str, before: datetime) -> int:
        """Drop test pages by channels whose names begin so, intended before an instant; how many."""
        ...

    def by_state(self) -> dict[str, int]:
        """How many pages are in each state."""
        ...


class Crowds(Protocol):
    """Pages as they reach people, gathered by person and channel, inside one transaction (`application.bundles`).

    `quiet` says whether posts are meant or pages; test pages are neither.
    """

    def take_turns(self, channel: str) -> bool:
        """Whether no other transaction gathers on this channel, so that no two nodes take each other's company.

        Nobody waits for a turn: a node that froze within its own would hold up the others' other channels, too.
        """
        ...

    def first(self, channel: str, lane: int, at: datetime) -> Waiting | None:
        """What has been due longest on a channel and lane; None when nothing is."""
        ...

    def about(self, person: str, channel: str, at: datetime, *, quiet: bool, since: datetime, limit: int) -> Crowd:
        """What went to a person since an instant, and what waits; `limit` is how far `intended` is counted."""
        ...

    def follows(self, page_id: str, since: datetime) -> bool:
        """Whether a provider took the attempt before this one, after an instant: the second call of a pair."""
        ...

    def take_one(self, page_id: str, lease: Lease) -> list[Page]:
        """Claim one page by itself; nothing when another was quicker."""
        ...

    def take(self, person: str, channel: str, lease: Lease, *, lanes: range, limit: int) -> list[Page]:
        """Claim what waits for a person in these lanes, held or not: the most urgent first, which carries the rest."""
        ...

    def hold(self, person: str, channel: str, at: datetime, until: datetime, *, lanes: range) -> int:
        """Let what is due in these lanes and was not claimed yet wait; how many there were."""
        ...

    def keep(self, pages: Sequence[Page], lease_until: datetime) -> list[Page]:
        """Begin the lease of claimed pages anew; those of them that are still ours, as they are now."""
        ...

    def carry(self, pages: Sequence[Page]) -> None:
        """Write down that the first of these pages carries the others."""
        ...


class Receipts(Protocol):
    """What providers say of pages they took, inside one transaction (`application.receipts`)."""

    def expect(self, page: Page, by: datetime) -> None:
        """The provider is to say by then what became of an accepted page."""
        ...

    def came(self, page: Page, state: PageState, at: datetime, error: str) -> bool:
        """An accepted page is known to have ended so; False when it is not an accepted one any more."""
        ...

    def no_longer_awaited(self, page: Page) -> bool:
        """Wait no longer for word of a page; False when nobody did."""
        ...

    def overdue(self, at: datetime, limit: int) -> list[Page]:
        """Accepted pages of which there should have been word by now."""
        ...

    def next_at(self) -> datetime | None:
        """When the next word is due; None when none is awaited."""
        ...

    def carried(self, page: Page) -> list[Page]:
        """The pages that went out in the same message as this one."""
        ...

    def answerable(self, person: str, channel: str, since: datetime) -> list[Page]:
        """Pages that were sent to somebody after an instant, each in a message of its own, newest first."""
        ...

    def is_new(self, callback: str) -> bool:
        """Whether a provider's call was not heard before."""
        ...

    def remember(self, callback: str, at: datetime) -> bool:
        """A provider's call was heard; False when it was before."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Forget calls that were heard before an instant; how many, `limit` at the most."""
        ...


class Accounts(Protocol):
    """Tokens, sessions, integrations, overrides and settings, inside one transaction."""

    def get(self, name: str) -> bytes | None:
        """A named value; None when it was never set."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Set a named value."""
        ...

    def add_token(self, token: Token) -> None:
        """Store a token."""
        ...

    def tokens(self) -> list[Token]:
        """Every token, revoked ones too."""
        ...

    def token(self, hashed: bytes) -> Token | None:
        """The token with this hash unless it was revoked."""
        ...

    def revoke_token(self, token_id: str, at: datetime) -> bool:
        """End a token; False when there is none."""
        ...

    def add_session(self, session: Session) -> None:
        """Store a session and forget expired ones."""
        ...

    def session(self, hashed: bytes, at: datetime) -> Session | None:
        """The session with this hash unless it expired or its token was revoked."""
        ...

    def end_session(self, hashed: bytes) -> None:
        """Log out."""
        ...

    def add_integration(self, integration: Integration) -> None:
        """Store an integration."""
        ...

    def integrations(self) -> list[Integration]:
        """Every integration, revoked ones too."""
        ...

    def revoke_integration(self, integration_id: str, at: datetime) -> bool:
        """End an integration; False when there is none."""
        ...

    def refused(self, integration_id: str, at: datetime) -> None:
        """Remember when an integration's refusal was last paged."""
        ...

    def add_override(self, override: Override) -> None:
        """Store an override."""
        ...

    def overrides(self) -> list[Override]:
        """Every override that was not removed."""
        ...

    def remove_override(self, override_id: str) -> bool:
        """End an override; False when there is none."""
        ...

    def save_procedures(self, version: str, data: bytes, at: datetime) -> None:
        """Keep a version and make it the active one."""
        ...

    def procedures(self, version: str) -> bytes | None:
        """A kept version."""
        ...

    def versions(self) -> list[str]:
        """Every kept version, the one that was first applied last of all at the front."""
        ...

    def active_version(self) -> str:
        """The version in force; empty when none was applied."""
        ...
