"""The promises that hold after every commit and at every instant, whatever goes wrong (docs/delivery-promise.md).

They keep their own account of every incident, folded from the log as it is committed, so that they never ask the state
they are checking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.node import Node
from tests.simulation.store import MONITOR, Committed, PageChange, Store
from tests.simulation.team import PROCEDURES
from tests.simulation.world import BrokenPromiseError, World
from tocsin.application.deliver import LEASE
from tocsin.application.records import Page, TimelineEntry
from tocsin.db.codec import GENESIS, decode_event, decode_state, link_hash
from tocsin.domain import events as ev
from tocsin.domain.escalation import next_due
from tocsin.domain.incident import Incident, evolve

WITHIN = timedelta(seconds=2)
"""A due step has its pages committed this soon after a node could have done it."""

SETTLED = frozenset({"accepted", "delivered", "failed", "exhausted"})
_LEGAL = {
    "": {"planned"},
    "planned": {"planned", "sending", "superseded", "acknowledged"},
    "sending": {"sending", "superseded", "acknowledged", *SETTLED},
    "accepted": {"acknowledged"},
    "delivered": {"acknowledged"},
}


@dataclass(slots=True)
class Account:
    """One incident as its log tells it.

    Args:
        incident: the fold so far.
        head: hash of the last link.
        due: when time will make something happen.
        rounds: every round opened.
        ended: round to the number of the event that ended it.
        declined: pairs of person and the number of their event.
        raised_at, lowered_at: when the severity last was.
        resumed_at: when a held ladder last went on.
    """

    incident: Incident | None = None
    head: bytes = GENESIS
    due: datetime | None = None
    rounds: list[ev.RoundOpened] = field(default_factory=list)
    ended: dict[int, int] = field(default_factory=dict)
    declined: set[tuple[str, int]] = field(default_factory=set)
    raised_at: datetime | None = None
    lowered_at: datetime | None = None
    resumed_at: datetime | None = None


@dataclass(slots=True)
class Promises:
    """Looks at every commit, every start of a send, and at the clock.

    Args:
        world: time, and where figures go.
        store: what is committed.
        nodes: the fleet.
        accounts: by incident.
        claims: by page, when it was claimed and by whom, in order.
        starts: by page, how often a send started.
        accepted: identities of alerts that were answered by a 2xx.
        next_due: the earliest of all incidents.
    """

    world: World
    store: Store
    nodes: Sequence[Node] = ()
    accounts: dict[str, Account] = field(default_factory=dict)
    claims: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    accepted: dict[bytes, None] = field(default_factory=dict)
    next_due: datetime | None = None

    def committed(self, what: Committed) -> None:
        """A transaction is on disk: is what it left behind right?"""
        self.world.count("commits")
        for incident_id in what.incidents:
            self._follow(incident_id)
        for change in what.pages:
            self._changed(change)

    def page(self, page_id: str) -> Page:
        """A page as it is committed."""
        page = self.store.transaction.pages.get(page_id)
        assert page is not None, "pages are never deleted"
        return page

    # Incidents: the chain, the fold, the pages of each round.

    def _follow(self, incident_id: str) -> None:
        account = self.accounts.setdefault(incident_id, Account())
        seq = account.incident.seq if account.incident else 0
        opened = []
        for entry in self.store.transaction.incidents.timeline(incident_id, seq, 10**9):
            event = self._link(account, incident_id, entry)
            if isinstance(event, ev.RoundOpened):
                opened.append((entry.seq, event))
        state, head_seq, head_hash = self.store.ask(
            "SELECT state, head_seq, head_hash FROM incidents WHERE id = ?", incident_id
        )[0]
        incident = account.incident
        if incident is None or (head_seq, head_hash) != (incident.seq, account.head):
            raise BrokenPromiseError("the head is not the last link of the chain", incident_id)
        if decode_state(state) != incident:
            raise BrokenPromiseError("the stored state is not the fold of the log", incident_id)
        account.due = next_due(incident, PROCEDURES.policy)
        self.next_due = min((one.due for one in self.accounts.values() if one.due), default=None)
        for seq, event in opened:
            self._has_its_pages(incident_id, seq, event)

    def _link(self, account: Account, incident_id: str, entry: TimelineEntry) -> ev.Event:
        before = account.incident
        if entry.seq != (before.seq if before else 0) + 1 or entry.hash != link_hash(account.head, entry.body):
            raise BrokenPromiseError(f"link {entry.seq} does not follow the one before it", incident_id)
        event = decode_event(entry.body, {name: words for name, (_salt, words) in entry.texts.items()})
        if before is not None and event.at < before.updated_at:
            raise BrokenPromiseError("time went back within an incident", incident_id)
        after = account.incident = evolve(before, event)
        account.head = entry.hash
        for number in before.open_rounds if before else ():
            if number not in after.open_rounds:
                account.ended[number] = entry.seq
        match event:
            case ev.RoundOpened():
                account.rounds.append(event)
            case ev.Declined():
                account.declined.add((event.person, entry.seq))
            case ev.SeverityChanged(raised=True):
                account.raised_at = event.at
            case ev.SeverityChanged():
                account.lowered_at = event.at
            case ev.Resumed():
                account.resumed_at = event.at
            case _:
                pass
        self.world.note(f"{incident_id} {entry.seq} {type(event).__name__} {_facts(event)}")
        return event

    def _has_its_pages(self, incident_id: str, seq: int, event: ev.RoundOpened) -> None:
        """Whoever a round addresses has an intent for each way, committed with the round."""
        rows = self.store.ask(
            "SELECT person, channel, topic FROM pages WHERE incident_id = ? AND seq = ?", incident_id, seq
        )
        planned = set(rows)
        for topic, targets in (("page", event.targets), ("posted", event.posts)):
            for target in targets:
                for way in target.ways:
                    if (target.person, way.channel, topic) not in planned:
                        lost = f"round {event.round} has no {topic} for {target.person} by {way.channel}"
                        raise BrokenPromiseError(lost, incident_id)

    # Pages: claims, fences, results.

    def _changed(self, change: PageChange) -> None:
        if change.state not in _LEGAL.get(change.was, ()):
            raise BrokenPromiseError(f"a page went from {change.was} to {change.state}", change.id)
        if change.state == "sending" and change.fence != change.fence_was:
            self._claimed(change)
        elif change.state in SETTLED:
            self._settled(change)
        if change.was != change.state:
            self.world.note(f"{change.id} {change.state} {change.owner or change.owner_was}")

    def _claimed(self, change: PageChange) -> None:
        claims = self.claims.setdefault(change.id, [])
        if claims:
            at, owner = claims[-1]
            if self.world.now - at < LEASE:
                raise BrokenPromiseError(f"{change.owner} took a page that {owner} still has a lease on", change.id)
            if not any(self._was_in_trouble(node, owner, at) for node in self.nodes):
                raise BrokenPromiseError(f"{owner} was well and let its lease run out", change.id)
            self.world.count("leases run out")
        claims.append((self.world.now, change.owner))

    def _was_in_trouble(self, node: Node, owner: str, since: datetime) -> bool:
        return owner.partition(".")[0] == node.name and (owner != node.identity or node.troubled_at >= since)

    def _settled(self, change: PageChange) -> None:
        settler = next(((node.identity, node.running) for node in self.nodes if node.running), None)
        if settler is None or settler[1].id != change.id:
            raise BrokenPromiseError("a page got a result that nobody was sending", change.id)
        if (change.owner_was, change.fence_was) != (settler[0], settler[1].fence):
            raise BrokenPromiseError(f"{settler[0]} wrote a result under a stale fence", change.id)
        page = self.page(change.id)
        if change.state in {"failed", "exhausted"}:
            self._goes_on(page, change.state)

    def _goes_on(self, page: Page, state: str) -> None:
        """After a failure there is a next attempt, or another channel, or the next level."""
        incident = self.accounts[page.incident_id].incident
        assert incident is not None, "a page is planned with its incident"
        if page.urgent and page.round not in incident.open_rounds:
            return
        key = (page.incident_id, page.round, page.level, page.person, page.channel, page.topic.value)
        again = self.store.ask(
            "SELECT 1 FROM pages WHERE incident_id = ? AND round = ? AND level = ? AND person = ? AND channel = ? "
            "AND topic = ? AND attempt = ? AND (topic = 'page' OR seq = ?)",
            *key,
            page.attempt + 1,
            page.seq,
        )
        if state == "failed" and not again:
            raise BrokenPromiseError(f"attempt {page.attempt} failed and nothing follows it", page.id)
        elsewhere = self.store.transaction.pages.live(page.incident_id, page.round, page.level)
        given_up = (page.round, page.level) in incident.unreachable
        if state == "exhausted" and page.urgent and not elsewhere and not given_up:
            raise BrokenPromiseError(f"nobody is left at level {page.level} and no other was paged", page.id)

    def send_starts(self, node: Node, page_id: str) -> None:
        """A message is about to leave: is it still wanted, and is it this node's to send?"""
        page, running = self.page(page_id), node.running
        if running is None or (page.state.value, page.owner, page.fence) != ("sending", node.identity, running.fence):
            raise BrokenPromiseError(f"{node.identity} sends a page that is not its own", page_id)
        incident = self.accounts[page.incident_id].incident
        assert incident is not None, "a page is planned with its incident"
        if page.urgent and page.round not in incident.open_rounds:
            raise BrokenPromiseError(f"a send of round {page.round} starts, which is over", page_id, page.incident_id)
        self.starts[page_id] += 1
        self.world.count("sends")
        if self.starts[page_id] > len(self.claims[page_id]):
            raise BrokenPromiseError("a page is sent more often than it was claimed", page_id)

    # The clock, and the door.

    def watch(self, until: datetime) -> None:
        """Up to this instant the world has been as it is: was anything overdue while a node could have done it?"""
        if self.next_due is None or until <= self.next_due + WITHIN:
            return
        able = [max(node.up_at, node.stalled_until, node.cut_until) for node in self.nodes if node.up]
        if not able:
            return
        since = min(able)
        for incident_id, account in self.accounts.items():
            if account.due is not None and until > max(account.due, since) + WITHIN:
                raise BrokenPromiseError(f"what was due at {account.due:%H:%M:%S.%f} has not been done", incident_id)

    def ingested(self, identity: bytes) -> None:
        """A sender was answered by a 2xx: is its alert there?"""
        self.accepted[identity] = None
        self.holds(identity)

    def holds(self, identity: bytes) -> None:
        """An alert that was accepted is there, with its incident."""
        found = self.store.ask(
            "SELECT 1 FROM alerts JOIN incidents ON incidents.id = alerts.incident_id "
            "WHERE integration_id = ? AND fingerprint = ?",
            MONITOR.id,
            identity,
        )
        if not found:
            raise BrokenPromiseError("an alert was answered by a 2xx and is not there", identity.hex())


def _facts(event: ev.Event) -> str:
    match event:
        case ev.RoundOpened():
            whom = ", ".join(target.person for target in event.targets)
            return f"round {event.round} {event.cause.value} to {whom or 'nobody'}"
        case ev.Acknowledged():
            return f"{event.person} answers {list(event.rounds)}"
        case ev.SeverityChanged() | ev.Declared():
            return event.severity.value
        case _:
            return ""
