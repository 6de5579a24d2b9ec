"""`react`: what an event obliges the outside to do. The application commits these with the event; the engine acts on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain import events as ev
from tocsin.domain.incident import Incident


class Topic(StrEnum):
    """What a message is about."""

    PAGE = "page"
    POSTED = "posted"
    TAKEN = "taken"
    JOINED = "joined"
    ROLE = "role"
    ALL_CLEAR = "all-clear"


@dataclass(frozen=True, slots=True)
class SendPage:
    """Wake a person, or tell them quietly, within a round.

    Args:
        topic: PAGE or POSTED.
        channel: to use; posts and pages alike name it.
        send_at: not before this instant.
    """

    topic: Topic
    round: int
    level: int
    person: str
    channel: str
    send_at: datetime


@dataclass(frozen=True, slots=True)
class Tell:
    """One quiet message outside the ladder, by the person's own quiet channel."""

    topic: Topic
    person: str
    round: int


@dataclass(frozen=True, slots=True)
class StopPages:
    """No send of these rounds may start from here on; only those to one person when `person` is set."""

    rounds: tuple[int, ...]
    person: str = ""


Effect = SendPage | Tell | StopPages


def react(before: Incident | None, after: Incident, event: ev.Event) -> tuple[Effect, ...]:
    """Effects of one event.

    Args:
        before: the incident the event was decided on; None for a declaration.
        after: the incident with the event folded in.
        event: what happened.
    """
    match event:
        case ev.RoundOpened():
            return _opened(event)
        case ev.Acknowledged():
            others = _others(after, event.person) if event.taken else ()
            return (StopPages(event.rounds), *_tell(Topic.TAKEN, others, after))
        case ev.AlertsCleared(held=True):
            return (StopPages(before.open_rounds if before else ()),)
        case ev.AlertsAttached() if after.alerts_posted_at == event.at:
            return _tell(Topic.JOINED, (after.acknowledged_by,), after)
        case ev.Declined():
            return (StopPages(after.open_rounds, event.person),)
        case ev.RoleAssigned():
            people = [person for person in (event.person, event.was) if person and person != event.actor.person]
            return _tell(Topic.ROLE, tuple(people), after)
        case ev.Resolved() | ev.Closed():
            return (StopPages(before.open_rounds if before else ()), *_tell(Topic.ALL_CLEAR, after.told, after))
        case _:
            return ()


def _opened(event: ev.RoundOpened) -> tuple[Effect, ...]:
    pages = [
        SendPage(topic, event.round, target.level, target.person, way.channel, event.at + timedelta(seconds=way.after_s))
        for topic, targets in ((Topic.PAGE, event.targets), (Topic.POSTED, event.posts))
        for target in targets
        for way in target.ways
    ]
    return tuple(pages)


def _others(incident: Incident, person: str) -> tuple[str, ...]:
    return tuple(told for told in incident.told if told != person)


def _tell(topic: Topic, people: tuple[str, ...], incident: Incident) -> tuple[Effect, ...]:
    return tuple(Tell(topic, person, incident.round) for person in people)
