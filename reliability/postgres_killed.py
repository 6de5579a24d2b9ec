"""PostgreSQL itself killed under load, and started again: SIGKILL of its postmaster, and immediate shutdown, in turn.

Two nodes take alerts from monitors that repeat what was not answered. PostgreSQL waits for the disk as it does out of
the box. While it is gone nothing may be answered by a 2xx, and everything by a 503, soon enough for a monitor to hear
it; once it is back the nodes must be well by themselves, with everything there that was ever answered by a 2xx.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from reliability import postgres, servers, telling
from reliability.arrivals import Arrivals
from reliability.blows import Blow, Duplicate, duplicates
from reliability.books import Books, close_books
from reliability.postgres import OwnPostgres
from reliability.senders import Senders, doors
from reliability.waiting import wait_until
from tocsin.demo.tocsin_server import TocsinServer
from tocsin.engine import WORKERS

CLAIM = (
    "When PostgreSQL is killed under load and started again, nothing that was accepted is lost, monitors are told 503 "
    "meanwhile, and the nodes are well again by themselves."
)
KILLS = 8
DOWN_S = 3.0
NODES = 2
FLOWS_WITHIN_S = 60.0
LISTENS_S = 10.0
"""Prometheus waits so long for an answer: a 503 that comes later is none."""

SETTLES_S = 120.0
_ON_THE_WAY_S = 0.1
"""How long an answer that was given before may take to be noted."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One time without a database.

    Args:
        blow: when PostgreSQL was ended, and when it was back.
        accepted_meanwhile: how many alerts were answered by a 2xx while it was gone for certain.
        refused: how many requests were answered by a 503 in this time.
        takes_again_s: seconds from its being back to the first 2xx.
        pages_again_s: seconds from its being back to the first page.
        unsaid: nodes whose /readyz did not say so, or that did not even answer /healthz.
    """

    blow: Blow
    accepted_meanwhile: int
    refused: int
    takes_again_s: float
    pages_again_s: float
    unsaid: Sequence[str]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of all losses.

    Args:
        losses: in their order.
        senders: the load, which has ended.
        books: what there was in the end.
        twice: messages that came more than once.
    """

    losses: Sequence[Loss]
    senders: Senders
    books: Books
    twice: Sequence[Duplicate]

    @property
    def faults(self) -> list[str]:
        """What breaks the promise, in sentences."""
        found = self.books.faults(self.senders.accepted) + [str(one) for one in self.twice if one.blow is None]
        found += [f"answered so that a sender gives up: {answer}" for answer in self.senders.strange]
        found += [f"a 2xx without a database, at {loss.blow.name}" for loss in self.losses if loss.accepted_meanwhile]
        found += [f"nothing was told to try again at {loss.blow.name}" for loss in self.losses if not loss.refused]
        found += [f"{node} did not say that it is gone" for loss in self.losses for node in loss.unsaid]
        if self.senders.dropped:
            found.append(f"{self.senders.dropped} requests were not answered")
        if self.senders.slowest_s > LISTENS_S:
            found.append(f"an answer took {self.senders.slowest_s:.1f} s")
        return found

    @property
    def holds(self) -> bool:
        """Nothing lost, nothing but 503, and no more repeated than was being sent."""
        return not self.faults and len(self.twice) <= WORKERS * NODES * len(self.losses)

    @property
    def figures(self) -> dict[str, Any]:
        """All of it in numbers."""
        takes = sorted(loss.takes_again_s for loss in self.losses)
        pages = sorted(loss.pages_again_s for loss in self.losses)
        return {
            "kills": len(self.losses),
            "accepted": len(self.senders.accepted),
            "pages": len(self.books.pages),
            "lost": self.books.lost(self.senders.accepted),
            "accepted_while_gone": sum(loss.accepted_meanwhile for loss in self.losses),
            "answered_503": self.senders.unavailable,
            "answered_otherwise": len(self.senders.strange),
            "not_answered": self.senders.dropped,
            "slowest_answer_s": round(self.senders.slowest_s, 2),
            "duplicates": len(self.twice),
            "unexplained": sum(one.blow is None for one in self.twice),
            "takes_again_s_p50": takes[len(takes) // 2],
            "takes_again_s_max": takes[-1],
            "pages_again_s_p50": pages[len(pages) // 2],
            "pages_again_s_max": pages[-1],
            "timelines_verified": sum(entry.verified for entry in self.books.entries),
        }


def postgres_killed(server: OwnPostgres, kills: int, down_s: float = DOWN_S) -> Run:
    """Kill it so often under two nodes with load, and close the books.

    Args:
        server: a PostgreSQL of our own.
        kills: how often; every second one is an immediate shutdown.
        down_s: seconds without it each time, and as long as its end and its start take.

    Raises:
        TimeoutError: the nodes did not recover, or something never came to its end.
    """
    with contextlib.ExitStack() as running:
        folder = running.enter_context(servers.temporary_folder())
        sink = running.enter_context(Arrivals())
        url = running.enter_context(postgres.fresh_database(server.url))
        home = servers.home_with_webhooks(folder / "home", sink.url, url)
        nodes = [servers.node(home) for _ in range(NODES)]
        for node in nodes:
            node.key = nodes[0].key
            running.enter_context(node)
        with Senders(doors(*nodes)) as senders:
            scene = _Scene(server, nodes, senders, sink)
            losses = []
            for number in range(1, kills + 1):
                losses.append(scene.lose(number, down_s))
                telling.progress(f"{losses[-1].blow.name}: alerts taken after {losses[-1].takes_again_s} s")
            scene.flows()
        books = close_books(nodes[0], sink, SETTLES_S)
        return Run(losses, senders, books, duplicates(sink, [loss.blow for loss in losses]))


@dataclass(frozen=True, slots=True)
class _Scene:
    server: OwnPostgres
    nodes: Sequence[TocsinServer]
    senders: Senders
    sink: Arrivals

    def lose(self, number: int, down_s: float) -> Loss:
        """End PostgreSQL under load, start it again, and wait until everything works."""
        name, end = ("immediate stop", self.server.stop_at_once) if number % 2 == 0 else ("kill", self.server.kill)
        self.flows()
        at, refused = time.monotonic(), self.senders.unavailable
        end()
        gone = time.monotonic()
        threading.Event().wait(down_s)
        unsaid = [node.url for node in self.nodes if not _says_so(node)]
        starts = time.monotonic()
        self.server.start()
        back = time.monotonic()
        wait_until(lambda: self._taken(since=starts), FLOWS_WITHIN_S, "alerts are accepted again")
        wait_until(lambda: self._arrived(since=starts), FLOWS_WITHIN_S, "pages arrive again")
        for node in self.nodes:
            node.wait_until_ready()
        return Loss(
            blow=Blow(f"{name} {number} of PostgreSQL", at, back, of_database=True),
            accepted_meanwhile=sum(taken < starts for taken in self._taken(since=gone + _ON_THE_WAY_S)),
            refused=self.senders.unavailable - refused,
            takes_again_s=round(max(0.0, min(self._taken(since=starts)) - back), 2),
            pages_again_s=round(max(0.0, min(self._arrived(since=starts)) - back), 2),
            unsaid=unsaid,
        )

    def flows(self) -> None:
        before = len(self.senders.accepted)
        wait_until(lambda: len(self.senders.accepted) > before + 40, FLOWS_WITHIN_S, "alerts are accepted")

    def _taken(self, since: float) -> list[float]:
        return [at for at in list(self.senders.accepted.values()) if at > since]

    def _arrived(self, since: float) -> list[float]:
        return [arrival.at for arrival in self.sink.all if arrival.at > since]


def _says_so(node: TocsinServer) -> bool:
    """Whether it lives and says that it cannot page."""
    with httpx.Client(base_url=node.url, trust_env=False, timeout=20) as client:
        ready, alive = client.get("/readyz"), client.get("/healthz")
    return ready.status_code == httpx.codes.SERVICE_UNAVAILABLE and bool(ready.json()["reasons"]) and alive.is_success


def main() -> int:
    parser = telling.options(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help=f"how often it is ended (default {KILLS})")
    parser.add_argument("--down", type=float, default=DOWN_S, help=f"seconds without it each time (default {DOWN_S:g})")
    chosen = parser.parse_args()
    if chosen.database_url:
        parser.error("the server behind --database-url is not ours to kill; this starts its own")
    with postgres.own_postgres() as server:
        run = postgres_killed(server, chosen.kills, chosen.down)
    for one in run.twice:
        telling.tell("postgres_killed", duplicate=str(one))
    for fault in run.faults:
        telling.progress(fault)
    return telling.conclude("postgres_killed", CLAIM, holds=run.holds, **run.figures, faults=run.faults)


if __name__ == "__main__":
    sys.exit(main())
