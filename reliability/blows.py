"""What was done to the processes and when, and which message that came twice is explained by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reliability.arrivals import Arrival, Arrivals
from tocsin.application.deliver import LEASE, SEND_DEADLINE_S

BREAKS_WITHIN_S = 1.0
"""When a process dies the kernel ends its connections; the listener notices as soon as it gets its turn."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One process ended or frozen, or the database taken from all of them.

    Args:
        name: of what it was, such as "kill 3, of node 1,".
        at: when, on `time.monotonic`.
        until: when it went on, for one that was only frozen; when the database was back; None for one that was killed.
        of_database: whether it was the database.
    """

    name: str
    at: float
    until: float | None = None
    of_database: bool = False


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A message that came once more.

    Args:
        page: the page's id.
        first: when it had come before, on `time.monotonic`.
        again: when it came again.
        blow: what explains it; None when nothing does.
    """

    page: str
    first: float
    again: float
    blow: Blow | None

    def __str__(self) -> str:
        after = f"{self.again - self.first:.1f} s later"
        if self.blow is None:
            return f"{self.page} came again {after}, and nothing explains it"
        if self.blow.of_database:
            return f"{self.page} came again {after}: {self.blow.name} kept its result from being kept"
        if self.blow.until is not None:
            return f"{self.page} came again {after}: {self.blow.name} outlasted its lease"
        return (
            f"{self.page} came again {after}: {self.blow.name} came {1000 * (self.blow.at - self.first):.0f} ms after "
            "the message and before its result was kept"
        )


def duplicates(sink: Arrivals, blows: Sequence[Blow]) -> list[Duplicate]:
    """Every message that came more than once, with what explains it.

    A death explains one whose earlier copy came over a connection that broke with it. A freeze explains one of which a
    copy came from the frozen process: before it, or when it went on and finished what another had taken over. The loss
    of the database explains one that was sent while its result could not be kept.
    """
    return [
        Duplicate(page, first.at, again.at, _explained(first, again, sink.ended, blows))
        for page, copies in sink.by_page().items()
        for first, again in pairwise(copies)
    ]


def _explained(first: Arrival, again: Arrival, ended: Mapping[int, float], blows: Sequence[Blow]) -> Blow | None:
    for blow in blows:
        if blow.until is None:
            broke = ended.get(first.connection)
            if broke is not None and abs(broke - blow.at) < BREAKS_WITHIN_S and first.at <= broke:
                return blow
        elif blow.of_database:
            if blow.at - SEND_DEADLINE_S <= first.at <= blow.until + BREAKS_WITHIN_S and again.at > blow.until:
                return blow
        elif _outlasted(first, again, blow.at, blow.until):
            return blow
    return None


def _outlasted(first: Arrival, again: Arrival, frozen_at: float, until: float) -> bool:
    """Whether one copy came just before a freeze, or just after it, and the other meanwhile."""
    lasted = until - frozen_at > LEASE.total_seconds() - SEND_DEADLINE_S
    before = frozen_at - SEND_DEADLINE_S <= first.at <= frozen_at <= again.at
    after = frozen_at <= first.at <= until <= again.at <= until + SEND_DEADLINE_S
    return lasted and (before or after)
