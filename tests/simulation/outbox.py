"""The promises about pages: one intent for each key, legal steps, leases and fences, and what follows a failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.clocks import SLEW
from tests.simulation.node import Node
from tests.simulation.owed import Account
from tests.simulation.store import Intent, PageChange, Store
from tests.simulation.world import BrokenPromiseError, World
from tocsin.db.codec import micros
from tocsin.domain.incident import Incident

LEASE = timedelta(seconds=10)
"""By hand, as the delivery promise has it."""

STEPPED_AGO = timedelta(seconds=25)
"""How long after a step of the server's clock the leases of nodes that read it differently may be misread."""

SETTLED = frozenset({"accepted", "delivered", "failed", "exhausted"})
_LEGAL = {
    "planned": {"planned", "sending", "superseded", "acknowledged"},
    "sending": {"sending", "superseded", "acknowledged", *SETTLED},
    "accepted": {"accepted", "delivered", "failed", "exhausted", "acknowledged"},
    "delivered": {"delivered", "acknowledged"},
}


@dataclass(slots=True)
class Kept:
    """One page as its commits tell it.

    Args:
        intent: what was planned.
        state, owner, fence: as they are.
        wake_at: when it wants attention, in stored microseconds; None for never.
        claims: when it was claimed and by whom, in order.
        starts: how often a send of it started.
    """

    intent: Intent
    state: str = "planned"
    owner: str = ""
    fence: int = 0
    wake_at: int | None = None
    claims: list[tuple[datetime, str]] = field(default_factory=list)
    starts: int = 0


@dataclass(slots=True)
class Outbox:
    """Every page of a run.

    Args:
        world: time, and where figures go.
        store: what is committed.
        accounts: the incidents.
        pages: by id.
        keys: every key that has an intent; a post's key has the number of its event too.
        by_incident: the same pages.
        asked: the node that a person or a provider spoke to last.
    """

    world: World
    store: Store
    accounts: Mapping[str, Account]
    pages: dict[str, Kept] = field(default_factory=dict)
    keys: dict[tuple[Any, ...], str] = field(default_factory=dict)
    asked: Node | None = None
    _spoken_of: Collection[str] = ()
    _again: list[Intent] = field(default_factory=list)
    by_incident: defaultdict[str, list[Kept]] = field(default_factory=lambda: defaultdict(list))

    def planned(self, intents: Sequence[Intent]) -> None:
        """I2: there is one intent for each key, and a next attempt only when the one before it failed."""
        for intent in intents:
            key = _key(intent)
            if key in self.keys:
                raise BrokenPromiseError("I2: a page is planned twice", intent.id, self.keys[key])
            self.keys[key] = intent.id
            if intent.attempt > 1:
                self._again.append(intent)
            kept = self.pages[intent.id] = Kept(intent, wake_at=intent.wake_at)
            self.by_incident[intent.incident_id].append(kept)
            self.world.note(f"{intent.id} planned for {intent.person} by {intent.channel}, attempt {intent.attempt}")

    def speaks_of(self, pages: Collection[str]) -> None:
        """A provider, or whoever answers it, speaks of these pages from now on, and of no others."""
        self._spoken_of = pages

    def changed(self, changes: Sequence[PageChange], nodes: Sequence[Node]) -> None:
        """Pages took steps in one transaction: were they legal ones, by whoever may?"""
        failed = []
        for change in changes:
            kept = self.pages[change.id]
            if change.state not in _LEGAL.get(change.was, ()):
                raise BrokenPromiseError(f"I3: a page went from {change.was} to {change.state}", change.id)
            if change.state == "sending" and change.fence != change.fence_was:
                self._claimed(kept, change, nodes)
            elif change.was == "sending":
                self._is_its_own(change, nodes)
            elif (
                change.was == "accepted" and change.state in SETTLED - {"accepted"} and change.id not in self._spoken_of
            ):
                raise BrokenPromiseError("I8: a page got a result that its provider did not give it", change.id)
            if change.was != change.state:
                self.world.note(f"{change.id} {change.state} {change.owner or change.owner_was}")
            kept.state, kept.owner, kept.fence, kept.wake_at = change.state, change.owner, change.fence, change.wake_at
            if change.state in {"failed", "exhausted"}:
                failed.append(kept)
        self._follow_failures()
        for kept in failed:
            node = next((node for node in nodes if node.running), self.asked)
            assert node is not None, "somebody said that it failed"
            self._goes_on(kept, node)

    def _follow_failures(self) -> None:
        """I2: whoever is written to again was written to before, and that failed; calls alone come in pairs."""
        for intent in self._again:
            before = self.keys.get(_key(intent, attempt=intent.attempt - 1))
            kept = self.pages.get(before or "")
            pair = kept is not None and intent.channel == "voice" and kept.state in {"accepted", "delivered"}
            if kept is None or not (pair or kept.state in {"failed", "exhausted"}):
                raise BrokenPromiseError(f"I2: attempt {intent.attempt} follows no failure", intent.id)
        self._again.clear()

    # I8 and I2: leases, fences, sends.

    def _claimed(self, kept: Kept, change: PageChange, nodes: Sequence[Node]) -> None:
        if kept.claims:
            at, owner = kept.claims[-1]
            stepped = self.world.jumped is not None and self.world.now - max(self.world.jumped, at) < STEPPED_AGO
            alive = any(node.identity == owner and node.up for node in nodes)
            if self.world.now - at < LEASE * (1 - SLEW) and not stepped and (alive or not self.world.jumped):
                raise BrokenPromiseError(f"I8: {change.owner} took a page that {owner} has a lease on", change.id)
            if not stepped and not any(_was_in_trouble(node, owner, at) for node in nodes):
                raise BrokenPromiseError(f"I2: {owner} was well and let its lease run out", change.id)
            self.world.count("lease expiries")
        kept.claims.append((self.world.now, change.owner))

    def _is_its_own(self, change: PageChange, nodes: Sequence[Node]) -> None:
        """I8: what a worker writes counts only under the fence of its own claim."""
        at_work = next(((node.identity, node.running) for node in nodes if node.running), None)
        if at_work is None:
            if change.state in SETTLED and change.id not in self._spoken_of:
                raise BrokenPromiseError("I8: a page got a result that nobody was sending", change.id)
            return
        name, leader = at_work
        assert leader is not None, "whoever is at work is at work on a page"
        page = next((each for each in (leader, *leader.company) if each.id == change.id), None)
        if page is None:
            raise BrokenPromiseError(f"I8: {name} wrote to a page that it was not sending", change.id)
        if (change.owner_was, change.fence_was) != (name, page.fence):
            raise BrokenPromiseError(f"I8: {name} wrote a result under a stale fence", change.id)

    def wanted(self, node: Node, page_id: str, fence: int) -> None:
        """I4: a node has looked for the last time and will send: is it still wanted, and is it this node's to send?"""
        kept = self.pages[page_id]
        if (kept.state, kept.owner, kept.fence) != ("sending", node.identity, fence):
            raise BrokenPromiseError(f"I8: {node.identity} sends a page that is not its own", page_id)
        if kept.intent.topic == "page" and kept.intent.round not in self._incident(kept).open_rounds:
            over = f"I4: a send of round {kept.intent.round} starts, which is over"
            raise BrokenPromiseError(over, page_id, kept.intent.incident_id)

    def send_starts(self, page_id: str) -> None:
        """I2: a message leaves once, and once more for each lease that ran out, and no more."""
        kept = self.pages[page_id]
        kept.starts += 1
        self.world.count("sends")
        if kept.starts > len(kept.claims):
            raise BrokenPromiseError("I2: a page is sent more often than it was claimed", page_id)

    # I3: what follows a failure.

    def _goes_on(self, kept: Kept, node: Node) -> None:
        """After a failure there is a next attempt, or another channel, or the next level."""
        intent, incident = kept.intent, self._incident(kept)
        urgent = intent.topic == "page"
        if urgent and intent.round not in incident.open_rounds:
            return
        if kept.state == "failed" and _key(intent, attempt=intent.attempt + 1) not in self.keys:
            raise BrokenPromiseError(f"I3: attempt {intent.attempt} failed and nothing follows it", intent.id)
        if not urgent:
            return
        given_up = (intent.round, intent.level) in incident.unreachable
        elsewhere = self.store.transaction.pages.live(intent.incident_id, intent.round, intent.level)
        if kept.state == "exhausted" and not elsewhere and not given_up:
            raise BrokenPromiseError(f"I3: nobody is left at level {intent.level} and no other was paged", intent.id)
        self._is_hastened(intent, max(incident.updated_at, node.clock.now()))

    def _is_hastened(self, failed: Intent, at: datetime) -> None:
        """The person's other channels of the round do not wait for their turn any more."""
        for other in self.by_incident[failed.incident_id]:
            it = other.intent
            waits = other.state == "planned" and it.attempt == 1 and it.topic == "page" and it.channel != failed.channel
            same = (it.round, it.person) == (failed.round, failed.person)
            if waits and same and other.wake_at is not None and other.wake_at > micros(at):
                raise BrokenPromiseError(f"I3: {it.channel} waits, though {failed.channel} failed", it.id, failed.id)

    def _incident(self, kept: Kept) -> Incident:
        incident = self.accounts[kept.intent.incident_id].incident
        assert incident is not None, "a page is planned with its incident"
        return incident


def _key(intent: Intent, attempt: int | None = None) -> tuple[Any, ...]:
    """What makes a page what it is; a post is one of its event too."""
    key = (*intent[1:2], *intent[3:7], intent.attempt if attempt is None else attempt, intent.topic)
    return key if intent.topic == "page" else (*key, intent.seq)


def _was_in_trouble(node: Node, owner: str, since: datetime) -> bool:
    return owner.partition(".")[0] == node.name and (owner != node.identity or node.troubled_at >= since)
