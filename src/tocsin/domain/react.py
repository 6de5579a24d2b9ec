"""`react`: what an event obliges the outside to do; committed together with the event, acted on by the engine."""

from __future__ import annotations

from collections.abc import Iterable
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
    TEST = "test"


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


@dataclass(frozen=True, slots=True)
class AnswerPages:
    """The pages of these rounds that reached this person have been acknowledged by them (R24)."""

    rounds: tuple[int, ...]
    person: str


Effect = SendPage | Tell | StopPages | AnswerPages


def react(before: Incident | None, after: Incident, event: ev.Event) -> tuple[Effect, ...]:
    """Effects of one event.

    Args:
        before: the incident the event was decided on; None for a declaration.
        after: the incident with the event folded in.
        event: what happened.

    Returns:
        First the rounds this ends, then what is to be sent.
    """
    if before is None:
        return ()
    ended = tuple(number for number in before.open_rounds if number not in after.open_rounds)
    stops = (StopPages(ended),) if ended else ()
    return (*stops, *_sends(before, after, event))


def _sends(before: Incident, after: Incident, event: ev.Event) -> tuple[Effect, ...]:
    match event:
        case ev.RoundOpened():
            return _opened(event)
        case ev.Acknowledged():
            answers = (AnswerPages(event.rounds, event.person),) if event.rounds else ()
            others = (told for told in after.told if event.taken and told != event.person)
            return (*answers, *_tell(Topic.TAKEN, others, after))
        case ev.AlertsAttached() | ev.JoiningPosted() if after.alerts_posted_at != before.alerts_posted_at:
            return _tell(Topic.JOINED, (after.acknowledged_by,), after)
        case ev.Declined() if after.open_rounds:
            return (StopPages(after.open_rounds, event.person),)
        case ev.RoleAssigned():
            people = dict.fromkeys((event.person, event.was))
            return _tell(Topic.ROLE, (person for person in people if person not in {"", event.actor.person}), after)
        case ev.Resolved() | ev.Closed():
            return _tell(Topic.ALL_CLEAR, after.told, after)
        case _:
            return ()


def _opened(event: ev.RoundOpened) -> tuple[Effect, ...]:
    return tuple(
        SendPage(
            topic, event.round, target.level, target.person, way.channel, event.at + timedelta(seconds=way.after_s)
        )
        for topic, targets in ((Topic.PAGE, event.targets), (Topic.POSTED, event.posts))
        for target in targets
        for way in target.ways
    )


def _tell(topic: Topic, people: Iterable[str], incident: Incident) -> tuple[Effect, ...]:
    return tuple(Tell(topic, person, incident.round) for person in people)
