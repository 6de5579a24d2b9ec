"""Virtual time and chance: one queue of what happens when, one source of randomness, one trace of what happened."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

FAULTS = (
    "crash",  # a process ends at a named crash point
    "kill",  # a process ends anywhere else
    "stall",  # a process stands still for longer than a lease
    "pause",  # it stands still between its last look at a page and the send
    "clock",  # somebody sets the clock of a machine
    "outage",  # the database is out of reach for every node
    "cut",  # the database is out of reach for one node
    "lost-commit",  # a transaction is on disk, and the node is told that it failed
    "refuse",  # a provider fails for the moment
    "bounce",  # a provider refuses for good
    "lost-reply",  # a provider took the message, and we get an error
    "hang",  # a provider does not answer before the deadline
    "late",  # it takes the message long after we gave up
    "overrun",  # a channel does not give up at its deadline, nor when the lease runs out
    "no-word",  # a provider never says what became of a message it took
    "undelivered",  # it took the message, which then did not arrive
    "twice",  # it says everything twice
    "garble",  # a channel breaks with an error nobody foresaw
    "provider-down",  # a provider takes nothing for minutes
)
"""Everything that can go wrong; a run may leave some of it out, which is how a failing seed is made smaller."""

CRASH_POINTS = (
    "ingest.before_commit",
    "ingest.after_commit",
    "decide.before_commit",
    "decide.after_commit",
    "page.after_claim",
    "page.after_send",
    "page.before_result",
)

_TRACE_TAIL = 60


class BrokenPromiseError(Exception):
    """A promise was broken; `about` names incidents, pages or nodes, to pick the trace by."""

    def __init__(self, promise: str, *about: str) -> None:
        super().__init__(promise)
        self.promise = promise
        self.about = about


class CrashedError(BaseException):
    """The process ends here and now: nothing in it may catch this."""


@dataclass(slots=True)
class World:
    """Time, chance and the record of one run.

    Args:
        seed: all chance comes from it.
        faults: what may go wrong.
        now: the present instant of the virtual clock.
        calm: the faults have stopped and the people are silent.
        counts: figures of the run.
        jumped: when somebody last set a clock; None while nobody did.
    """

    seed: int
    faults: frozenset[str] = frozenset(FAULTS)
    now: datetime = datetime(2026, 11, 18, tzinfo=UTC)
    calm: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    jumped: datetime | None = None
    random: random.Random = field(init=False)
    _began: datetime = field(init=False)
    _queue: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _queued: int = 0
    _trace: list[tuple[datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._began = self.now

    def seconds(self) -> float:
        """What a clock shows that nobody can set."""
        return (self.now - self._began).total_seconds()

    def at(self, when: datetime, do: Callable[[], None]) -> None:
        """Let something happen at an instant, or now when that has passed."""
        self._queued += 1
        heapq.heappush(self._queue, (max(when, self.now), self._queued, do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Let something happen this many seconds from now."""
        self.at(self.now + timedelta(seconds=seconds), do)

    def run(self, until: datetime, watch: Callable[[datetime], None]) -> None:
        """Let everything happen up to an instant; `watch` looks at the world as it was until each next happening."""
        while self._queue and self._queue[0][0] <= until:
            when, _, do = heapq.heappop(self._queue)
            watch(when)
            self.now = when
            do()
        watch(until)
        self.now = until

    def between(self, least: float, most: float) -> float:
        """A span in seconds, drawn evenly."""
        return self.random.uniform(least, most)

    def happens(self, fault: str, chance: float) -> bool:
        """Whether this fault strikes now."""
        return not self.calm and fault in self.faults and self.random.random() < chance

    def note(self, words: str) -> None:
        """Add a line to the trace."""
        self._trace.append((self.now, words))

    def count(self, what: str, times: int = 1) -> None:
        """Add to the figures."""
        self.counts[what] += times

    def trace(self, about: tuple[str, ...] = ()) -> list[str]:
        """The last lines that name one of `about`, and every fault; all lines without any."""
        shown = [
            (at, words) for at, words in self._trace if not about or "!" in words or any(one in words for one in about)
        ]
        return [f"{at:%H:%M:%S.%f} {words}"[:200] for at, words in (shown[-_TRACE_TAIL:] if about else shown)]
