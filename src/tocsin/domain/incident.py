"""An incident as the fold of its events: the frozen state, and `evolve`, which refuses nothing and asks no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.domain import events as ev
from tocsin.domain.lifecycle import STATUS, Phase, Status
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity
from tocsin.domain.unanswered import POST_EVERY, Offer, OpenRound

FOLD_VERSION = 1
"""Raised whenever `evolve` starts to compute something else from the same events; stored states then refold."""


@dataclass(frozen=True)
class Incident:
    """Everything later decisions need to know.

    It has no slots, so that `_with` can copy it in a microsecond; `dataclasses.replace` takes thirty for this many
    fields, and ingest folds an event for every incident of every commit.

    Args:
        seq: events folded so far.
        anchor_at: level clocks count from here: declaration, or the last reopening (decisions A-D).
        climb_from: the first ladder counts from here: the anchor, a raise, shifted by the time it was held.
        rung: steps of the first ladder taken; repeats count on.
        resolution_rung: steps of the resolution ladder taken.
        round: number of the newest round.
        episode: the first round of the present climb; links of earlier rounds no longer acknowledge.
        last_human_at: when a person last did anything; an acknowledgement goes stale from here.
        level: the highest level paged since the anchor.
        levels_paged: every level paged since the anchor, by its own people or by those it fell through to.
        stale_at: when whoever acknowledged was paged again for being silent; None when they were not.
        acknowledged_by: who has it; empty when nobody does.
        answered_by: everyone who acknowledged since the anchor, in order.
        acknowledged_at: since when somebody has it; a hand-over does not change it.
        post_owed_at: when whoever has it is to hear of alerts that joined soon after a post; None when of none.
        held_at: since when the first ladder waits because every alert has cleared.
        unreachable: pairs of round and level given up on.
        told: everyone who was paged or posted, in order.
    """

    id: str
    title: str
    service: str
    group: str
    severity: Severity
    procedures: str
    origin: str
    declared_at: datetime
    updated_at: datetime
    anchor_at: datetime
    climb_from: datetime
    last_human_at: datetime
    phase: Phase = Phase.DETECTION
    seq: int = 0
    severity_confirmed: bool = False
    recurrence_of: str = ""
    impact: str = ""
    symptoms: str = ""
    users: str = ""
    rung: int = 0
    resolution_rung: int = 0
    round: int = 0
    episode: int = 1
    level: int = 0
    levels_paged: tuple[int, ...] = ()
    unanswered: tuple[OpenRound, ...] = ()
    unreachable: tuple[tuple[int, int], ...] = ()
    acknowledged_by: str = ""
    answered_by: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    first_acknowledged_at: datetime | None = None
    stale_at: datetime | None = None
    firing: int = 0
    alerts: int = 0
    held_at: datetime | None = None
    refires: tuple[datetime, ...] = ()
    flapping: bool = False
    alerts_posted_at: datetime | None = None
    post_owed_at: datetime | None = None
    roles: tuple[tuple[Role, str], ...] = ()
    acting: bool = False
    offers: tuple[Offer, ...] = ()
    told: tuple[str, ...] = ()
    resolved_at: datetime | None = None
    resolved_by: str = ""
    closed_as: str = ""
    close_proposed_by: str = ""
    close_proposed_as: str = ""

    @property
    def status(self) -> Status:
        """What outsiders are told (R81)."""
        return STATUS[self.phase]

    @property
    def is_open(self) -> bool:
        """Whether anything can still be owed."""
        return self.phase is not Phase.CLOSED

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has it."""
        return self.acknowledged_at is not None

    @property
    def commander(self) -> str:
        """The incident commander's id; empty when there is none (R2)."""
        return next((person for role, person in self.roles if role is Role.COMMANDER), "")

    @property
    def open_rounds(self) -> tuple[int, ...]:
        """Numbers of the rounds nobody has answered."""
        return tuple(item.number for item in self.unanswered)


def fold(events: Iterable[ev.Event]) -> Incident:
    """The state a whole log stands for.

    Args:
        events: in order, beginning with `Declared`.

    Raises:
        ValueError: there are no events.
    """
    incident: Incident | None = None
    for event in events:
        incident = evolve(incident, event)
    if incident is None:
        raise ValueError("An incident without events does not exist.")
    return incident


def after(incident: Incident, happened: Iterable[ev.Event]) -> Incident:
    """The state of a declared incident after some more events, in order."""
    for event in happened:
        incident = evolve(incident, event)
    return incident


def evolve(incident: Incident | None, event: ev.Event) -> Incident:
    """The state after one more event.

    Raises:
        ValueError: there is no incident yet and the event is not `Declared`.
    """
    if isinstance(event, ev.Declared):
        return _declared(event)
    if incident is None:
        raise ValueError("The first event of an incident is Declared.")
    changed = _FOLDS[type(event)](incident, event)
    if _is_human(event):
        changed = _awake(changed, event.at)
    return _with(changed, seq=incident.seq + 1, updated_at=event.at)


def _with(incident: Incident, **changed: object) -> Incident:
    """`dataclasses.replace` for what happens with every alert."""
    copy = object.__new__(Incident)
    copy.__dict__.update(incident.__dict__, **changed)
    return copy


def _is_human(event: ev.Event) -> bool:
    """Whether a person did this. A round is not a deed, whoever's command it was opened with."""
    by_person = event.actor.person is not None and not isinstance(event, ev.RoundOpened)
    return by_person or isinstance(event, ev.Acknowledged)


def _awake(incident: Incident, at: datetime) -> Incident:
    """Somebody is at work: the silence starts anew, and the question whether anybody is still there is answered."""
    unanswered = tuple(item for item in incident.unanswered if item.cause is not ev.Cause.STALE)
    return replace(incident, last_human_at=at, stale_at=None, unanswered=unanswered)


def _declared(event: ev.Declared) -> Incident:
    return Incident(
        id=event.id,
        title=event.title,
        service=event.service,
        group=event.group,
        severity=event.severity,
        procedures=event.procedures,
        origin=event.origin,
        declared_at=event.at,
        updated_at=event.at,
        anchor_at=event.at,
        climb_from=event.at,
        last_human_at=event.at,
        seq=1,
        severity_confirmed=event.origin == "person",
        recurrence_of=event.recurrence_of,
        impact=event.impact,
        symptoms=event.symptoms,
        users=event.users,
    )


def _attached(incident: Incident, event: ev.AlertsAttached) -> Incident:
    refires = incident.refires
    if incident.firing == 0 and incident.alerts > 0:
        refires = (*refires, event.at)
    last = incident.alerts_posted_at
    post_at = event.at if last is None else max(event.at, last + POST_EVERY)
    listens = incident.is_open and incident.is_acknowledged
    return _with(
        incident,
        firing=incident.firing + event.new + event.refired,
        alerts=incident.alerts + event.new,
        refires=refires,
        alerts_posted_at=post_at if listens and post_at == event.at else last,
        post_owed_at=post_at if listens and post_at > event.at else None,
    )


def _joining_posted(incident: Incident, event: ev.JoiningPosted) -> Incident:
    return _with(incident, alerts_posted_at=event.at, post_owed_at=None)


def _cleared(incident: Incident, event: ev.AlertsCleared) -> Incident:
    held_at = event.at if event.held else incident.held_at
    unanswered = () if event.held else incident.unanswered
    return replace(incident, firing=max(0, incident.firing - event.cleared), held_at=held_at, unanswered=unanswered)


def _resumed(incident: Incident, event: ev.Resumed) -> Incident:
    return replace(incident, held_at=None, climb_from=incident.climb_from + timedelta(microseconds=event.held_us))


def _flapping(incident: Incident, _event: ev.FlappingMarked) -> Incident:
    return replace(incident, flapping=True)


def _round_opened(incident: Incident, event: ev.RoundOpened) -> Incident:
    persons = tuple(dict.fromkeys(target.person for target in event.targets))
    levels = {*event.levels, *(target.level for target in event.targets if target.level)}
    opened = OpenRound(event.round, event.cause, persons, max(levels, default=0))
    changed = replace(
        incident,
        round=event.round,
        level=max((incident.level, *levels)),
        levels_paged=tuple(sorted({*incident.levels_paged, *levels})),
        unanswered=(*incident.unanswered, opened) if persons else incident.unanswered,
        told=tuple(dict.fromkeys((*incident.told, *persons, *(post.person for post in event.posts)))),
    )
    if event.cause is ev.Cause.RESOLUTION:
        return replace(changed, resolution_rung=event.rung or 0)
    if event.cause is ev.Cause.STALE:
        return replace(changed, stale_at=event.at)
    if event.cause is ev.Cause.OFFER_EXPIRED:
        return replace(changed, offers=tuple(replace(offer, expired=True) for offer in changed.offers))
    return changed if event.rung is None else replace(changed, rung=event.rung)


def _acknowledged(incident: Incident, event: ev.Acknowledged) -> Incident:
    left = tuple(item for item in incident.unanswered if item.number not in event.rounds)
    answered_by = tuple(dict.fromkeys((*incident.answered_by, event.person)))
    changed = replace(incident, unanswered=left, answered_by=answered_by)
    if not event.taken:
        return changed
    return replace(
        changed,
        acknowledged_by=event.person,
        acknowledged_at=incident.acknowledged_at or event.at,
        first_acknowledged_at=incident.first_acknowledged_at or event.at,
        held_at=None,
    )


def _unacknowledged(incident: Incident) -> Incident:
    return replace(
        incident,
        acknowledged_by="",
        acknowledged_at=None,
        stale_at=None,
        post_owed_at=None,
        episode=incident.round + 1,
    )


def _voided(incident: Incident, _event: ev.AcknowledgementVoided) -> Incident:
    return _unacknowledged(incident)


def _severity_changed(incident: Incident, event: ev.SeverityChanged) -> Incident:
    changed = replace(
        incident,
        severity=event.severity,
        severity_confirmed=incident.severity_confirmed or event.actor.person is not None,
        rung=event.rung,
        resolution_rung=event.resolution_rung,
    )
    return replace(_unacknowledged(changed), climb_from=event.at, held_at=None) if event.raised else changed


def _unchanged(incident: Incident, _event: ev.Event) -> Incident:
    return incident


def _unreachable(incident: Incident, event: ev.LevelUnreachable) -> Incident:
    return replace(incident, unreachable=(*incident.unreachable, (event.round, event.level)))


def _offered(incident: Incident, event: ev.RoleOffered) -> Incident:
    offer = Offer(event.role, event.person, incident.commander, event.round, event.at)
    kept = tuple(item for item in incident.offers if item.role is not event.role)
    return replace(incident, offers=(*kept, offer))


def _assigned(incident: Incident, event: ev.RoleAssigned) -> Incident:
    single = event.role is Role.COMMANDER
    given = (event.role, event.person)
    kept = tuple(item for item in incident.roles if item != given and not (single and item[0] is event.role))
    offers = tuple(offer for offer in incident.offers if offer.role is not event.role)
    acting = event.acting if single else incident.acting
    told = tuple(dict.fromkeys((*incident.told, event.person)))
    return replace(incident, roles=(*kept, given), offers=offers, acting=acting, told=told)


def _declined(incident: Incident, event: ev.Declined) -> Incident:
    offers = tuple(offer for offer in incident.offers if offer.person != event.person)
    unanswered = tuple(
        replace(item, persons=tuple(person for person in item.persons if person != event.person))
        for item in incident.unanswered
    )
    return replace(incident, offers=offers, unanswered=unanswered)


def _ended(incident: Incident, event: ev.Resolved | ev.Closed) -> Incident:
    closed_as = event.closed_as if isinstance(event, ev.Closed) else ""
    return replace(
        incident,
        phase=Phase.CLOSED,
        resolved_at=event.at,
        resolved_by=event.actor.person or "",
        closed_as=closed_as,
        firing=incident.firing if closed_as else 0,
        unanswered=(),
        offers=(),
        held_at=None,
        stale_at=None,
    )


def _close_proposed(incident: Incident, event: ev.CloseProposed) -> Incident:
    return replace(incident, close_proposed_by=event.actor.person or "", close_proposed_as=event.closed_as)


def _reopened(incident: Incident, event: ev.Reopened) -> Incident:
    return replace(
        _unacknowledged(incident),
        phase=Phase.REMEDIATION,
        anchor_at=event.at,
        climb_from=event.at,
        rung=0,
        resolution_rung=0,
        level=0,
        levels_paged=(),
        answered_by=(),
        refires=(),
        flapping=False,
        resolved_at=None,
        resolved_by="",
        closed_as="",
        close_proposed_by="",
        close_proposed_as="",
    )


_FOLDS: dict[type[ev.Event], Callable[[Incident, Any], Incident]] = {
    ev.AlertsAttached: _attached,
    ev.JoiningPosted: _joining_posted,
    ev.AlertsCleared: _cleared,
    ev.Resumed: _resumed,
    ev.FlappingMarked: _flapping,
    ev.RoundOpened: _round_opened,
    ev.Acknowledged: _acknowledged,
    ev.AcknowledgementVoided: _voided,
    ev.SeverityChanged: _severity_changed,
    ev.Escalated: _unchanged,
    ev.RoleOffered: _offered,
    ev.RoleAssigned: _assigned,
    ev.Declined: _declined,
    ev.Noted: _unchanged,
    ev.PagesReported: _unchanged,
    ev.LevelUnreachable: _unreachable,
    ev.Resolved: _ended,
    ev.CloseProposed: _close_proposed,
    ev.Closed: _ended,
    ev.Reopened: _reopened,
}
