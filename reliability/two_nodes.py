"""Two nodes on one PostgreSQL under load, one of them killed or frozen every few seconds.

SIGKILL ends a node, which is started again at once; SIGSTOP lets one stand still for longer than a lease, and then go
on with what it believes to hold. Monitors send to both doors of both nodes, and repeat what was not answered; each
alert is an incident that pages several people, so that many pages are sent for each one that is decided.

A page's gap runs from the instant it was intended at, as its transaction wrote it by PostgreSQL's clock, to the arrival
of its first copy; both are put on this process's steady clock, and the run does not count when the two went apart.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from reliability import postgres, servers, telling
from reliability.arrivals import Arrivals
from reliability.blows import Blow, Duplicate, duplicates
from reliability.books import Books, close_books
from reliability.clocks import OneClock, ranked
from reliability.senders import Senders, doors
from tocsin.application.deliver import LEASE
from tocsin.demo.tocsin_server import TocsinServer

CLAIM = (
    "Of two nodes on PostgreSQL under load one is killed or frozen again and again: no page is missing, each that came "
    "twice is explained by a blow, and the other node takes over what the struck one had claimed."
)
SIGNALS = ("KILL", "STOP", "mixed")
PEOPLE = 5
CONNECTIONS = 16
WAKING = ("error", "warning")
"""Severities that wake everybody of one level and post to nobody, so that all that arrives are pages."""

FROZEN_S = LEASE.total_seconds() + 3
PATIENCE_S = 2.0
"""After which a monitor turns from a node that is frozen to the other one."""

SETTLES_S = 120.0
GAP_BAR_S = 12.0
APART_S = 0.05
"""Seconds by which the two clocks may go apart before gaps mean nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it.

    Args:
        blows: what was done to the nodes.
        accepted: alerts that were answered by a 2xx, and when, on `time.monotonic`.
        strange: answers for which a sender would give up.
        books: what there was in the end.
        twice: messages that came more than once.
        gaps: seconds from the intent to the arrival of every page that wakes.
        sent: how many messages arrived while there was load.
        seconds: of load.
        drift_s: seconds by which the two clocks went apart meanwhile.
    """

    blows: Sequence[Blow]
    accepted: dict[str, float]
    strange: Sequence[str]
    books: Books
    twice: Sequence[Duplicate]
    gaps: list[float]
    sent: int
    seconds: float
    drift_s: float

    @property
    def faults(self) -> list[str]:
        """What breaks the promise, in sentences."""
        unexplained = [str(one) for one in self.twice if one.blow is None]
        given_up = [f"answered so that a sender gives up: {answer}" for answer in self.strange]
        apart = [f"the clocks went apart by {self.drift_s:.3f} s"] if abs(self.drift_s) > APART_S else []
        return self.books.faults(self.accepted) + unexplained + given_up + apart

    @property
    def per_second(self) -> float:
        """Messages that arrived in a second of load."""
        return self.sent / self.seconds

    def gap_s(self, share: float) -> float | None:
        """The gap below which this share (0 to 1) of the pages stayed."""
        gap = ranked(self.gaps, share)
        return None if gap is None else round(gap, 3)

    @property
    def figures(self) -> dict[str, Any]:
        """All of it in numbers."""
        return {
            "kills": sum(blow.until is None for blow in self.blows),
            "freezes": sum(blow.until is not None for blow in self.blows),
            "accepted": len(self.accepted),
            "pages": len(self.books.pages),
            "pages_per_second": round(self.per_second, 1),
            "missing": self.books.lost(self.accepted),
            "duplicates": len(self.twice),
            "duplicates_most_at_one_blow": max(sum(one.blow is blow for one in self.twice) for blow in self.blows),
            "unexplained": sum(one.blow is None for one in self.twice),
            "gap_s_p50": self.gap_s(0.5),
            "gap_s_p99": self.gap_s(0.99),
            "gap_s_max": self.gap_s(1.0),
            "clock_drift_s": round(self.drift_s, 4),
            "timelines_verified": sum(entry.verified for entry in self.books.entries),
        }


class Nodes:
    """Two nodes that blows fall on; use it as a context manager.

    Args:
        both: the nodes, not started yet; the first one has the integration.
        which: one of `SIGNALS`.
        chance: chooses node and blow.
        frozen_s: seconds a frozen node stands still.
    """

    def __init__(self, both: Sequence[TocsinServer], which: str, chance: random.Random, frozen_s: float) -> None:
        self.both, self._which, self._chance, self._frozen_s = both, which, chance, frozen_s
        self._frozen: dict[int, tuple[str, float]] = {}
        self.blows: list[Blow] = []

    def strike(self) -> None:
        """Kill or freeze one that is not frozen; with nothing but freezes, one at a time."""
        self.thaw(time.monotonic() - self._frozen_s)
        number = self._chance.choice([each for each in (0, 1) if each not in self._frozen])
        if self._which == "STOP" and self._frozen:
            return
        freezes = self._which == "STOP" or (self._which == "mixed" and not self._frozen and self._chance.random() < 0.5)
        if freezes:
            name = f"freeze {len(self.blows) + len(self._frozen) + 1}, of node {number + 1},"
            self._signal(number, signal.SIGSTOP)
            self._frozen[number] = (name, time.monotonic())
        else:
            name = f"kill {len(self.blows) + len(self._frozen) + 1}, of node {number + 1},"
            self.blows.append(Blow(name, time.monotonic()))
            self.both[number].kill()
            self.both[number].launch()
        telling.progress(name.rstrip(","))

    def thaw(self, since: float) -> None:
        """Let those go on that have stood still since an instant on `time.monotonic`, or for longer."""
        for number, (name, at) in list(self._frozen.items()):
            if at <= since:
                self._signal(number, signal.SIGCONT)
                self.blows.append(Blow(name, at, time.monotonic()))
                del self._frozen[number]

    def _signal(self, number: int, which: signal.Signals) -> None:
        child = self.both[number].process
        assert child is not None, "it was started"
        os.kill(child.pid, which)

    def __enter__(self) -> Self:
        first, second = self.both
        first.start()
        second.key = first.key
        second.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw(time.monotonic())
        for node in self.both:
            if node.process is not None:
                node.stop()


def two_nodes(
    database_url: str,
    *,
    seconds: float,
    kill_every: float,
    pages_per_second: float,
    which: str = "KILL",
    frozen_s: float = FROZEN_S,
    seed: int = 2,
) -> Run:
    """Put two nodes under load, strike them, and close the books.

    Args:
        database_url: an empty PostgreSQL database.
        seconds: of load and blows.
        kill_every: seconds between two blows.
        pages_per_second: how many pages are to be sent in a second, on average.
        which: one of `SIGNALS`.
        frozen_s: seconds a frozen node stands still.
        seed: of what chance decides.

    Raises:
        TimeoutError: something never came to its end.
    """
    with contextlib.ExitStack() as running:
        folder = running.enter_context(servers.temporary_folder())
        sink = running.enter_context(Arrivals())
        home = servers.home_with_webhooks(folder / "home", sink.url, database_url, PEOPLE)
        both = [servers.node(home), servers.node(home)]
        nodes = running.enter_context(Nodes(both, which, random.Random(seed), frozen_s))
        clock = OneClock(database_url)
        every_s = CONNECTIONS * PEOPLE / pages_per_second
        load = Senders(doors(*both), CONNECTIONS, every_s=every_s, together=1, severities=WAKING, patience_s=PATIENCE_S)
        began = time.monotonic()
        with load:
            for turn in range(1, int(seconds / kill_every) + 1):
                _until(began + turn * kill_every)
                nodes.strike()
            _until(began + seconds)
            sent, lasted = len(sink.all), time.monotonic() - began
            nodes.thaw(time.monotonic())
        for node in both:
            node.wait_until_ready()
        books = close_books(both[0], sink, SETTLES_S)
        twice = duplicates(sink, nodes.blows)
        gaps = _gaps(books, sink, clock)
        return Run(nodes.blows, load.accepted, load.strange, books, twice, gaps, sent, lasted, clock.drift_s())


def _until(instant: float) -> None:
    threading.Event().wait(max(0.0, instant - time.monotonic()))


def _gaps(books: Books, sink: Arrivals, clock: OneClock) -> list[float]:
    """Of every page that wakes and arrived; one that was to be sent later counts from then on."""
    arrived = {page: copies[0].at for page, copies in sink.by_page().items()}
    return [
        arrived[page["id"]] - clock.steady(datetime.fromisoformat(max(page["intended_at"], page["send_at"])))
        for page in books.pages
        if page["urgent"] and page["id"] in arrived
    ]


def main() -> int:
    parser = telling.options(__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of load and blows (default 60)")
    parser.add_argument("--kill-every", type=float, default=5, help="seconds between two blows (default 5)")
    parser.add_argument("--pages-per-second", type=float, default=110, help="to be sent, on average (default 110)")
    parser.add_argument("--signal", choices=SIGNALS, default="KILL", help="what a blow is (default KILL)")
    parser.add_argument("--bar", type=float, default=100, help="pages a second that must really be sent (default 100)")
    parser.add_argument("--seed", type=int, default=2, help="of what chance decides (default 2)")
    chosen = parser.parse_args()
    with postgres.database(chosen.database_url) as url:
        run = two_nodes(
            url,
            seconds=chosen.seconds,
            kill_every=chosen.kill_every,
            pages_per_second=chosen.pages_per_second,
            which=chosen.signal,
            seed=chosen.seed,
        )
    for one in run.twice:
        telling.tell("two_nodes", duplicate=str(one))
    for fault in run.faults:
        telling.progress(fault)
    gap, few = run.gap_s(0.99), len(run.twice) <= len(run.blows)
    return telling.conclude(
        "two_nodes",
        CLAIM,
        holds=not run.faults and few and gap is not None and gap <= GAP_BAR_S and run.per_second >= chosen.bar,
        signal=chosen.signal,
        kill_every_s=chosen.kill_every,
        **run.figures,
        faults=run.faults,
    )


if __name__ == "__main__":
    sys.exit(main())
