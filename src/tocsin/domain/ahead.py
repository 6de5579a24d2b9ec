"""The ladder ahead: what time will do if nobody does anything, by running the core forward on paper (`tocsin next`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from tocsin.domain.climb import tick
from tocsin.domain.commands import Tick
from tocsin.domain.escalation import next_due
from tocsin.domain.events import RoundOpened
from tocsin.domain.incident import Incident, evolve
from tocsin.domain.people import Roster
from tocsin.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Ahead:
    """One round to come.

    Args:
        at: when.
        cause: why, as in `Cause`.
        levels: levels it stands for.
        people: ids of those who are woken, as things stand.
        posts: ids of those who are told without waking.
    """

    at: datetime
    cause: str
    levels: tuple[int, ...]
    people: tuple[str, ...]
    posts: tuple[str, ...]


def ahead(incident: Incident, policy: Policy, roster: Roster, limit: int) -> tuple[Ahead, ...]:
    """The next rounds, with today's roster.

    Args:
        incident: as it stands.
        policy: the timings it is bound to.
        roster: who is on call now; later shifts may differ.
        limit: how many rounds at the most.
    """
    return tuple(islice(_rounds(incident, policy, roster), limit))


def _rounds(incident: Incident, policy: Policy, roster: Roster) -> Iterator[Ahead]:
    while (at := next_due(incident, policy)) is not None:
        for event in tick(incident, Tick(at=at, policy=policy, roster=roster)):
            incident = evolve(incident, event)
            if isinstance(event, RoundOpened):
                people = tuple(target.person for target in event.targets)
                posts = tuple(post.person for post in event.posts)
                yield Ahead(event.at, event.cause.value, event.levels, people, posts)
