"""Signals into alerts into incidents, many deliveries in one transaction (RULES.md *Alerts into incidents*)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from tocsin.application import canary
from tocsin.application.app import Application
from tocsin.application.handle import bound_policy, carry_out, keep, roster, weigh
from tocsin.application.ports import Transaction
from tocsin.application.records import AlertRow, Integration, NewAlert
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain import commands as cmd
from tocsin.domain.alerts import Signal, fingerprint
from tocsin.domain.events import Actor
from tocsin.domain.incident import Incident
from tocsin.domain.people import Roster
from tocsin.domain.procedures import Procedures, Service
from tocsin.domain.severity import Severity, from_label

TOUCH_EVERY = timedelta(minutes=1)
TITLE = 300
_GROUP = 500
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one request of a sender brought."""

    integration: Integration
    signals: Sequence[Signal]


Changed = tuple[int, bool, bool, NewAlert]
"""An occurrence that is not as it was: id, whether it was firing, whether it is, content."""


@dataclass(slots=True)
class _Joining:
    """What a commit does to the alerts of one incident, or of one group that has none yet."""

    integration: Integration
    group: str = ""
    fresh: list[tuple[Integration, Signal, bytes]] = field(default_factory=list)
    refired: int = 0
    cleared: int = 0
    fingerprints: list[bytes] = field(default_factory=list)
    worst: Severity | None = None
    service: Service | None = None


@dataclass(slots=True)
class _Batch:
    """One transaction's work while it is sorted.

    Args:
        now: when it is decided.
        ends_before: an `endsAt` up to here has passed. Our clock never follows a step of the system's, so it may run
            ahead of the senders' by as much; a promise that holds by either clock is kept.
        procedures: in force.
        ended: identities of alerts that cleared in this round.
        stirred: whether somebody is to be told.
    """

    now: datetime
    ends_before: datetime
    procedures: Procedures
    ended: set[bytes] = field(default_factory=set)
    stirred: bool = False
    by_group: dict[str, _Joining] = field(default_factory=dict)
    by_incident: dict[str, _Joining] = field(default_factory=dict)
    rosters: dict[str, Roster] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    inserted: list[NewAlert] = field(default_factory=list)
    seen: list[tuple[int, datetime, datetime | None]] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)

    def roster(self, transaction: Transaction, service: str) -> Roster:
        """Who is on call for a service now, looked up once for everything this transaction decides."""
        if service not in self.rosters:
            self.rosters[service] = roster(transaction, self.procedures, service, self.now)
        return self.rosters[service]


def ingest(app: Application, transaction: Transaction, deliveries: Iterable[Delivery]) -> bool:
    """Store what senders said and let the incidents it concerns decide.

    Args:
        app: the application.
        transaction: everything happens in it, so the sender's 2xx covers the decision too.
        deliveries: requests in the order they came.

    Returns:
        Whether anybody is to be told now; timers that changed are found by the engine's next look within a second.
    """
    senders: dict[str, tuple[Integration, list[Signal]]] = {}
    changed = False
    for delivery in deliveries:
        if canary.is_sender(delivery.integration):
            canary.take_in(app, transaction, delivery.signals)
            changed = True
            continue
        senders.setdefault(delivery.integration.id, (delivery.integration, []))[1].extend(delivery.signals)
    waiting: dict[str, tuple[Integration, Sequence[Signal]]] = {**senders}
    while waiting:
        now = app.database.now()
        batch = _Batch(now, now + min(app.database.clock_step(), timedelta(0)), app.shelf.active(transaction))
        left = {key: (who, _sort(transaction, batch, who, signals)) for key, (who, signals) in sorted(waiting.items())}
        waiting = {key: (who, signals) for key, (who, signals) in left.items() if signals}
        changed = _store(app, transaction, batch) or changed
    app.crash("ingest.before_commit")
    return changed


def _store(app: Application, transaction: Transaction, batch: _Batch) -> bool:
    newest = transaction.incidents.newest_in_groups(list(batch.by_group))
    # Every node locks what it needs in the order of ids, and begins new incidents after that: no two wait in a circle.
    _load(transaction, batch, {*batch.by_incident, *newest.values()})
    for group, joining in sorted(batch.by_group.items()):
        _join_group(app, transaction, batch, joining, newest.get(group, ""))
    transaction.alerts.changed(batch.changed)
    _join_incidents(app, transaction, batch)
    transaction.alerts.insert(batch.inserted)
    transaction.alerts.seen(batch.seen)
    return batch.stirred


def _load(transaction: Transaction, batch: _Batch, incident_ids: AbstractSet[str]) -> None:
    """One that cannot be read is paged about by its own ticks; alerts must not be refused for its sake."""
    batch.incidents |= transaction.incidents.load_all(list(incident_ids))
    for incident_id in incident_ids - batch.incidents.keys():
        SET_ASIDE.note(f"{incident_id} cannot be read; new alerts of its group begin an incident beside it.")


def _sort(
    transaction: Transaction, batch: _Batch, integration: Integration, signals: Sequence[Signal]
) -> Sequence[Signal]:
    """Tell new alerts, re-fires, repeats and clears apart; returns what must wait until these are stored.

    An alert that begins and ends within one batch must first exist before it can clear, and one that ends and fires
    again must first have ended: its incident may be closed, and then it begins another. Only the last word on an alert
    waits, and nothing of others does, so that a second round always finishes.
    """
    prints = [fingerprint(signal.labels) for signal in signals]
    known = transaction.alerts.open_occurrences(integration.id, list(dict.fromkeys(prints)))
    fresh: set[bytes] = set()
    later: dict[bytes, Signal] = {}
    for signal, key in zip(signals, prints, strict=True):
        firing = signal.firing and not (signal.ends_at is not None and signal.ends_at <= batch.ends_before)
        row = known.get(key)
        if key in later or (key in fresh and not firing) or (row is not None and firing and key in batch.ended):
            later[key] = signal
        elif row is not None:
            known[key] = _known(batch, integration, row, signal, firing=firing)
        elif firing and key not in fresh:
            fresh.add(key)
            _new(batch, integration, signal, key)
    return list(later.values())


def _new(batch: _Batch, integration: Integration, signal: Signal, key: bytes) -> None:
    service = batch.procedures.service(signal.labels.get("service"), integration.service)
    values = [f"{label}={signal.labels.get(label, '')}" for label in service.grouping.group_by]
    group = _fitting("\x1f".join((service.id, *values)))
    joining = batch.by_group.get(group)
    if joining is None:
        joining = batch.by_group[group] = _Joining(integration, group, service=service)
    joining.fresh.append((integration, signal, key))
    severity = _severity(service, signal)
    if joining.worst is None or severity.worse_than(joining.worst):
        joining.worst = severity


def _fitting(group: str) -> str:
    """The group's key, short enough for an index: a label's value may be longer than a page of one."""
    return group if len(group) <= _GROUP else f"{group[:TITLE]}\x1f{hashlib.sha256(group.encode()).hexdigest()}"


def _severity(service: Service, signal: Signal) -> Severity:
    named = service.grouping.by_name.get(signal.name)
    return named or from_label(signal.labels.get("severity"), service.grouping.by_label)


def _known(batch: _Batch, integration: Integration, row: AlertRow, signal: Signal, *, firing: bool) -> AlertRow:
    """What a sender now says of an open occurrence; the occurrence as it is afterwards."""
    if firing == row.firing:
        return _repeat(batch, integration, row, signal) if firing else row
    if not firing and _older(signal, row):
        return row
    joining = batch.by_incident.setdefault(row.incident_id, _Joining(integration))
    joining.fingerprints.append(row.fingerprint)
    if firing:
        joining.refired += 1
    else:
        joining.cleared += 1
        batch.ended.add(row.fingerprint)
    return _retold(batch, integration, row, signal, firing=firing)


def _retold(batch: _Batch, integration: Integration, row: AlertRow, signal: Signal, *, firing: bool) -> AlertRow:
    """Have an occurrence stored as its sender now tells it; of two replicas the later beginning counts."""
    content = _content(batch, integration, signal, row.fingerprint, row.incident_id)
    if row.starts_at is not None and (content.starts_at is None or content.starts_at < row.starts_at):
        content = replace(content, starts_at=row.starts_at)
    batch.changed.append((row.id, row.firing, firing, content))
    return replace(row, firing=firing, starts_at=content.starts_at, last_seen_at=batch.now, digest=content.digest)


def _repeat(batch: _Batch, integration: Integration, row: AlertRow, signal: Signal) -> AlertRow:
    """An unchanged repeat only touches `last_seen_at`, at most once a minute."""
    if _digest(signal) != row.digest or _later(signal, row):
        return _retold(batch, integration, row, signal, firing=True)
    if batch.now - row.last_seen_at >= TOUCH_EVERY:
        batch.seen.append((row.id, batch.now, signal.ends_at))
        return replace(row, last_seen_at=batch.now)
    return row


def _later(signal: Signal, row: AlertRow) -> bool:
    """A beginning after the one that is known: another replica's, or the occurrence ended and nobody told us."""
    return signal.starts_at is not None and (row.starts_at is None or signal.starts_at > row.starts_at)


def _older(signal: Signal, row: AlertRow) -> bool:
    """A resolve that is about an earlier occurrence: another replica's, or one that was under way."""
    if row.starts_at is None:
        return False
    about = signal.starts_at or signal.ends_at
    return about is not None and about < row.starts_at


def _digest(signal: Signal) -> bytes:
    """What may change without a new identity; links differ between replicas and do not count."""
    annotations = msgspec.json.encode(signal.annotations, order="sorted")
    return hashlib.blake2b(annotations, digest_size=8).digest()


def _content(batch: _Batch, integration: Integration, signal: Signal, key: bytes, incident_id: str) -> NewAlert:
    payload = {"labels": signal.labels, "annotations": signal.annotations, "link": signal.link}
    return NewAlert(
        integration_id=integration.id,
        fingerprint=key,
        incident_id=incident_id,
        name=signal.name,
        severity=signal.labels.get("severity", ""),
        starts_at=signal.starts_at,
        ends_at=signal.ends_at,
        seen_at=batch.now,
        digest=_digest(signal),
        payload=msgspec.json.encode(payload),
    )


def _join_group(app: Application, transaction: Transaction, batch: _Batch, joining: _Joining, newest: str) -> None:
    """New alerts go to the group's open incident, to one resolved a moment ago, or begin one."""
    while newest and newest not in batch.incidents:
        joining.group = _fitting(f"{joining.group}\x1f{newest}")
        newest = transaction.incidents.newest_in_groups([joining.group]).get(joining.group, "")
        if newest:
            _load(transaction, batch, {newest})
    incident = batch.incidents.get(newest)
    if incident is None or not (incident.is_open or _not_over(app, transaction, batch, incident)):
        incident = _declare(transaction, batch, joining, newest)
        batch.stirred = True
    batch.incidents[incident.id] = incident
    batch.inserted += [_content(batch, sender, signal, key, incident.id) for sender, signal, key in joining.fresh]
    whole = batch.by_incident.setdefault(incident.id, joining)
    if whole is not joining:
        whole.fresh, whole.worst, whole.service = joining.fresh, joining.worst, joining.service
    whole.fingerprints += [key for _sender, _signal, key in joining.fresh]


def _not_over(app: Application, transaction: Transaction, batch: _Batch, last: Incident) -> bool:
    """Whether firing again so soon means that the incident was not over; one closed without a fix stays closed."""
    policy = bound_policy(app, transaction, last)
    recent = last.resolved_at is not None and batch.now - last.resolved_at < policy.reopen_within
    return recent and not last.closed_as


def _declare(transaction: Transaction, batch: _Batch, joining: _Joining, recurrence_of: str) -> Incident:
    assert joining.service is not None, "a group is made with its service"
    assert joining.worst is not None, "a group is made with an alert"
    _sender, signal, _key = joining.fresh[0]
    said = signal.annotations.get("summary") or signal.annotations.get("description") or f"on {joining.service.title}"
    return carry_out(
        transaction,
        None,
        cmd.Declare(
            at=batch.now,
            actor=actor_of(joining.integration),
            policy=batch.procedures.policy,
            roster=batch.roster(transaction, joining.service.id),
            id=transaction.incidents.unused_id(batch.now),
            title=f"{signal.name}: {said}"[:TITLE],
            service=joining.service.id,
            group=joining.group,
            severity=joining.worst,
            origin="alert",
            recurrence_of=recurrence_of,
        ),
    )


def declare(transaction: Transaction, procedures: Procedures, command: cmd.Declare) -> Incident:
    """Begin an incident with whoever is on call for its service right now."""
    people = roster(transaction, procedures, command.service, command.at)
    return carry_out(transaction, None, replace(command, roster=people))


def actor_of(integration: Integration) -> Actor:
    """Whom the log names for what a sender did."""
    return Actor(f"integration:{integration.name}", "integration")


def _join_incidents(app: Application, transaction: Transaction, batch: _Batch) -> None:
    joined = [
        weigh(incident, _attach(app, transaction, batch, incident, joining))
        for incident_id, joining in sorted(batch.by_incident.items())
        if (incident := batch.incidents.get(incident_id)) is not None
    ]
    keep(transaction, joined)
    for before, after in ((one.before, one.after) for one in joined):
        if before is not None and (after.round, after.alerts_posted_at) != (before.round, before.alerts_posted_at):
            batch.stirred = True
        if not after.is_open:
            transaction.alerts.end(after.id, firing_too=False)


def _attach(
    app: Application, transaction: Transaction, batch: _Batch, incident: Incident, joining: _Joining
) -> cmd.AttachAlerts:
    return cmd.AttachAlerts(
        at=max(batch.now, incident.updated_at),
        actor=actor_of(joining.integration),
        policy=bound_policy(app, transaction, incident),
        roster=batch.roster(transaction, incident.service),
        new=len(joining.fresh),
        refired=joining.refired,
        cleared=joining.cleared,
        worst=joining.worst,
        fingerprints=tuple(key.hex()[:12] for key in joining.fingerprints[:_SHOWN]),
    )
