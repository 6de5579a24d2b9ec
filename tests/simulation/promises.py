"""The promises that hold after every commit and at every instant, whatever goes wrong (docs/delivery-promise.md).

They keep their own account of every incident, folded from the log as it is committed, and of every page, from what the
triggers tell, so that they never ask the state they are checking. Each is named by its number in docs/simulation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.node import Node
from tests.simulation.outbox import Outbox
from tests.simulation.owed import Account, earliest, steps
from tests.simulation.store import MONITOR, Committed, Store
from tests.simulation.team import PEOPLE, PROCEDURES, SERVICES, falls_to
from tests.simulation.world import BrokenPromiseError, World
from tocsin.application.records import TimelineEntry
from tocsin.db.codec import decode_event, decode_state, link_hash
from tocsin.domain import events as ev
from tocsin.domain.escalation import next_due
from tocsin.domain.incident import Incident, evolve

WITHIN = timedelta(seconds=2)
"""A due step has its pages committed this soon after a node could have done it."""


@dataclass(slots=True)
class Promises:
    """Looks at every commit and at the clock.

    Args:
        world: time, and where figures go.
        store: what is committed.
        nodes: the fleet.
        accounts: by incident.
        accepted: identities of alerts that were answered by a 2xx.
        next_due: the earliest of all incidents.
    """

    world: World
    store: Store
    nodes: Sequence[Node] = ()
    accounts: dict[str, Account] = field(default_factory=dict)
    accepted: dict[bytes, None] = field(default_factory=dict)
    next_due: datetime | None = None
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.world, self.store, self.accounts)

    def committed(self, what: Committed) -> None:
        """A transaction is on disk: is what it left behind right?"""
        self.world.count("commits")
        self.outbox.planned(what.intents)
        for incident_id in what.incidents:
            self._follow(incident_id)
        self.outbox.changed(what.pages, self.nodes)

    # Incidents: the chain, the fold, the pages of each round.

    def _follow(self, incident_id: str) -> None:
        """I7: each link follows the one before it, and the stored state is the fold of the log."""
        account = self.accounts.setdefault(incident_id, Account())
        seq = account.incident.seq if account.incident else 0
        opened = []
        for entry in self.store.transaction.incidents.timeline(incident_id, seq, 10**9):
            before = account.incident
            event = self._link(account, incident_id, entry)
            if isinstance(event, ev.RoundOpened):
                opened.append((entry.seq, before, event))
        state, head_seq, head_hash = self.store.ask(
            "SELECT state, head_seq, head_hash FROM incidents WHERE id = ?", incident_id
        )[0]
        incident = account.incident
        if incident is None or (head_seq, head_hash) != (incident.seq, account.head):
            raise BrokenPromiseError("I7: the head is not the last link of the chain", incident_id)
        if decode_state(state) != incident:
            raise BrokenPromiseError("I7: the stored state is not the fold of the log", incident_id)
        for seq, before, event in opened:
            self._has_its_pages(incident_id, seq, event)
            self._skips_no_level(incident_id, before, event)
        account.known_at = self.world.now
        account.due, account.owed = next_due(incident, PROCEDURES.policy), earliest(account)
        self.next_due = min(filter(None, map(_first, self.accounts.values())), default=None)

    def _link(self, account: Account, incident_id: str, entry: TimelineEntry) -> ev.Event:
        before = account.incident
        if entry.seq != (before.seq if before else 0) + 1 or entry.hash != link_hash(account.head, entry.body):
            raise BrokenPromiseError(f"I7: link {entry.seq} does not follow the one before it", incident_id)
        event = decode_event(entry.body, {name: words for name, (_salt, words) in entry.texts.items()})
        if before is not None and event.at < before.updated_at:
            raise BrokenPromiseError("I7: time went back within an incident", incident_id)
        after = account.incident = evolve(before, event)
        account.head = entry.hash
        for number in before.open_rounds if before else ():
            if number not in after.open_rounds:
                account.ended[number] = entry.seq
        account.note(event, entry.seq)
        self.world.note(f"{incident_id} {entry.seq} {type(event).__name__} {_facts(event)}")
        return event

    def _has_its_pages(self, incident_id: str, seq: int, event: ev.RoundOpened) -> None:
        """I1: whoever a round addresses has an intent for each way, committed with the round."""
        if not event.targets and (event.levels or not event.posts) and event.cause is not ev.Cause.RESOLUTION:
            raise BrokenPromiseError(f"I1: round {event.round} woke nobody", incident_id)
        for topic, targets in (("page", event.targets), ("posted", event.posts)):
            for target in targets:
                for way in target.ways:
                    key = (incident_id, event.round, target.level, target.person, way.channel, 1, topic)
                    if key not in self.outbox.keys and (*key, seq) not in self.outbox.keys:
                        lost = f"I1: round {event.round} has no {topic} for {target.person} by {way.channel}"
                        raise BrokenPromiseError(lost, incident_id)

    def _skips_no_level(self, incident_id: str, before: Incident | None, event: ev.RoundOpened) -> None:
        """I5: the ladder takes every step in turn, and who is nobody at a level is passed on, and said so."""
        assert before is not None, "rounds are opened in an incident"
        if event.cause is ev.Cause.LADDER and event.rung is not None:
            wanted = steps(before.severity, before.rung, event.rung)
            if event.rung <= before.rung or list(event.levels) != wanted:
                went = f"I5: the ladder went from step {before.rung} to {event.rung} and paged {list(event.levels)}"
                raise BrokenPromiseError(f"{went}, not {wanted}", incident_id)
        paged = {target.person for target in event.targets}
        for level in event.levels:
            staff = SERVICES[before.service]
            reached = falls_to(before.service, level)
            told = set(event.fell_through)
            if any(other != level and (level, other) not in told for other in reached):
                raise BrokenPromiseError(f"I5: round {event.round} does not say where level {level} went", incident_id)
            everybody = set(PEOPLE) if event.cause is ev.Cause.LADDER else set()  # others name somebody themselves
            expected = set(staff[reached[-1]]) if reached else everybody
            if not expected <= paged:
                raise BrokenPromiseError(f"I5: round {event.round} leaves out {sorted(expected - paged)}", incident_id)

    # The clock, and the door.

    def watch(self, until: datetime) -> None:
        """I1: up to this instant the world has been as it is: was anything overdue while a node could have done it?"""
        if self.next_due is None or (until <= self.next_due + WITHIN and not self.world.jumped):
            return
        for node in self.nodes:
            if not node.up:
                continue
            now, since = node.reads(until), node.well_since()
            for incident_id, account in self.accounts.items():
                due_at, able_at = _first(account), max(since, account.known_at or since)
                if due_at is not None and now > max(due_at, now - (until - able_at)) + WITHIN:
                    what = account.owed[1] if account.owed and account.owed[0] == due_at else "what was due"
                    late = f"I1: {what} was owed at {due_at:%H:%M:%S.%f} and has not been done"
                    raise BrokenPromiseError(late, incident_id, node.name)

    def ingested(self, identity: bytes) -> None:
        """A sender was answered by a 2xx: is its alert there?"""
        self.accepted[identity] = None
        self.holds(identity)

    def holds(self, identity: bytes) -> None:
        """I6: an alert that was accepted is there, with its incident."""
        found = self.store.ask(
            "SELECT 1 FROM alerts JOIN incidents ON incidents.id = alerts.incident_id "
            "WHERE integration_id = ? AND fingerprint = ?",
            MONITOR.id,
            identity,
        )
        if not found:
            raise BrokenPromiseError("I6: an alert was answered by a 2xx and is not there", identity.hex())


def _first(account: Account) -> datetime | None:
    """When something is owed, by the code or by hand."""
    by_hand = account.owed[0] if account.owed else None
    return min(filter(None, (account.due, by_hand)), default=None)


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
