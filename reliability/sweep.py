"""Ends a real server with SIGKILL at each named crash point and starts it again.

`TOCSIN_CRASH_AT=NAME:N` ends the process at the N-th pass of a point (docs/delivery-promise.md has the table of what
follows). First with one alert or one declared incident for each death, so that one page is under way at the most; then
under load that goes on through every death: monitors at both doors, who repeat what was not answered, and a person who
declares incidents. Deaths at a random moment are among those under load.

When the last death is over, everything that was answered by a 2xx must be there, every page must have gone out, and
every timeline must verify. A message that came twice belongs to the death that broke the connection of its earlier
copy; under load a death can repeat what each worker has on the wire, on average it is less than one.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

import httpx

from reliability import postgres, servers, telling
from reliability.arrivals import Arrivals
from reliability.blows import Blow, Duplicate, duplicates
from reliability.books import Books, close_books, waiting
from reliability.clocks import OneClock
from reliability.senders import Desk, Senders, doors
from reliability.waiting import wait_until
from tocsin.bootstrap import CRASH_POINTS
from tocsin.demo.tocsin_server import TocsinServer

INGEST = ("ingest.before_commit", "ingest.after_commit")
DECIDE = ("decide.before_commit", "decide.after_commit")
PAGE = ("page.after_claim", "page.after_send", "page.before_result")
POINTS = (*INGEST, *DECIDE, *PAGE)
ANYWHERE = "anywhere"
"""A death under load at a random moment, at no point in particular."""

LATER = tuple(sorted(CRASH_POINTS - set(POINTS)))
"""Named already, and passed by nothing yet: there are no steps of runbooks."""

PASSES = (1, 2, 7)
DATABASES = ("sqlite", "postgresql")
CLAIM = (
    "A server that is ended by SIGKILL at every named crash point loses nothing; where one page is under way a death "
    "repeats one at the most, and under load less than one on average."
)
DIES_WITHIN_S = 60.0
FLOWS_WITHIN_S = 60.0
EVERY_S = 0.1
"""Between two alerts of one connection: some forty alerts a second, a dozen incidents."""

SELDOM_S = 3600.0


@dataclass(frozen=True, slots=True)
class Death:
    """One end of the server.

    Args:
        point: where.
        passes: at which pass of it.
        began: when the process was started, on `time.monotonic`.
        blow: the end itself.
    """

    point: str
    passes: int
    began: float
    blow: Blow


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of all deaths on one database.

    Args:
        deaths: in their order.
        accepted: what was answered by a 2xx, and when, on `time.monotonic`.
        strange: answers for which a sender would give up.
        books: what there was in the end.
        twice: messages that came more than once.
        clock: turns the database's instants into `time.monotonic`.
        loaded: whether there was load; else one page was under way at the most.
    """

    deaths: Sequence[Death]
    accepted: dict[str, float]
    strange: Sequence[str]
    books: Books
    twice: Sequence[Duplicate]
    clock: OneClock
    loaded: bool

    @property
    def most_at_once(self) -> int:
        """How many messages the worst death repeated."""
        return max(sum(one.blow is death.blow for one in self.twice) for death in self.deaths)

    @property
    def faults(self) -> list[str]:
        """What breaks the promise, in sentences."""
        unexplained = [str(one) for one in self.twice if one.blow is None]
        given_up = [f"answered so that a sender gives up: {answer}" for answer in self.strange]
        return self.books.faults(self.accepted) + unexplained + given_up

    @property
    def holds(self) -> bool:
        """Nothing lost, everything explained, no more duplicates than deaths; without load at none of them."""
        few = len(self.twice) <= len(self.deaths) if self.loaded else self.most_at_once <= 1
        return few and not self.faults

    def of(self, death: Death) -> dict[str, Any]:
        """What one death did: what the process had accepted, and what of that is lost or came twice."""
        born = {page["id"]: self.clock.steady(datetime.fromisoformat(page["intended_at"])) for page in self.books.pages}
        within = [name for name, at in self.accepted.items() if death.began <= at <= death.blow.at]
        return {
            "under_load": self.loaded,
            "point": death.point,
            "pass": death.passes,
            "accepted": len(within),
            "unstored": len(self.books.unstored(within)),
            "pages": sum(death.began <= at <= death.blow.at for at in born.values()),
            "lost_pages": sum(death.began <= born[page["id"]] <= death.blow.at for page in self.books.unsent),
            "duplicates": sum(one.blow is death.blow for one in self.twice),
            "lived_s": round(death.blow.at - death.began, 2),
        }


def sweep(database_url: str | None, points: Iterable[str], passes: Sequence[int], *, loaded: bool) -> Swept:
    """End one server again and again, at each of these points and passes, and close the books.

    Args:
        database_url: an empty PostgreSQL database; None for SQLite.
        points: names of crash points, or `ANYWHERE`.
        passes: at which passes of each; without load there is only a first.
        loaded: whether there is load all the time, or just what brings the process to the point.

    Raises:
        TimeoutError: a point was never passed, or something never came to its end.
    """
    with contextlib.ExitStack() as running:
        folder = running.enter_context(servers.temporary_folder())
        sink = running.enter_context(Arrivals())
        server = servers.node(servers.home_with_webhooks(folder / "home", sink.url, database_url))
        running.enter_context(server)
        clock = OneClock(database_url)
        server.stop()
        with contextlib.ExitStack() as sending:
            load = _load(server, sending) if loaded else []
            deaths: list[Death] = []
            for point, number in product(points, passes):
                if not loaded and not (point in PAGE and deaths and deaths[-1].point in PAGE):
                    if point in PAGE:
                        _settle(server, load)
                    load.append(sending.enter_context(_one(server, point)))
                deaths.append(_be_killed(server, number, load) if point == ANYWHERE else _die(server, point, number))
            _recover(server, load, 5 if loaded else 0)
        books = close_books(server, sink)
        accepted = {name: at for senders in load for name, at in senders.accepted.items()}
        strange = [answer for senders in load for answer in senders.strange]
        return Swept(deaths, accepted, strange, books, duplicates(sink, [each.blow for each in deaths]), clock, loaded)


def _load(server: TocsinServer, sending: contextlib.ExitStack) -> list[Senders]:
    monitors = Senders(doors(server), every_s=EVERY_S)
    desk = Senders([Desk(server.url, server.token)], 1, called="declared", every_s=2 * EVERY_S)
    return [sending.enter_context(monitors), sending.enter_context(desk)]


def _one(server: TocsinServer, point: str) -> Senders:
    """One alert, sent until it is accepted, or one incident that is declared, whatever leads to the point."""
    into = [Desk(server.url, server.token)] if point in DECIDE else doors(server)
    return Senders(into, 1, called=point, every_s=SELDOM_S, severities=("error",))


def _settle(server: TocsinServer, load: Sequence[Senders]) -> None:
    """Serve until nothing is under way, before the first death at a page; the next ones meet that same page again."""
    _recover(server, load, 0)
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        wait_until(lambda: waiting(client) == 0, FLOWS_WITHIN_S, "every page has come to its end")
    server.stop()


def _recover(server: TocsinServer, load: Sequence[Senders], more: int) -> None:
    """Start it without any point; returns when every monitor was answered by a 2xx, and by so many more from now on."""
    _forget_points(server)
    server.start()
    wanted = [(senders, max(1, len(senders.accepted) + more)) for senders in load if not senders.at_desk]
    wait_until(lambda: all(len(one.accepted) >= to for one, to in wanted), FLOWS_WITHIN_S, "alerts are accepted")


def _be_killed(server: TocsinServer, number: int, load: Sequence[Senders]) -> Death:
    """Serve under load, and be killed at a random moment."""
    _forget_points(server)
    began, before = time.monotonic(), len(load[0].accepted)
    server.launch()
    wait_until(lambda: len(load[0].accepted) > before + 20, FLOWS_WITHIN_S, "alerts are accepted")
    threading.Event().wait(random.Random(number).uniform(0, 0.4))
    at = time.monotonic()
    server.kill()
    return Death(ANYWHERE, number, began, Blow(f"random death {number}", at))


def _forget_points(server: TocsinServer) -> None:
    for name in ("TOCSIN_TEST", "TOCSIN_CRASH_AT"):
        server.env.pop(name, None)


def _die(server: TocsinServer, point: str, passes: int) -> Death:
    """Serve until the point was passed so often."""
    server.env |= {"TOCSIN_TEST": "1", "TOCSIN_CRASH_AT": f"{point}:{passes}"}
    began = time.monotonic()
    server.launch()
    assert server.process is not None, "it was just launched"
    process = server.process.process
    wait_until(lambda: process.poll() is not None, DIES_WITHIN_S, f"the process dies at {point}:{passes}")
    if process.returncode != -signal.SIGKILL:
        raise RuntimeError(f"The server ended by itself before {point}:{passes}.\n{server.process.last_words()}")
    return Death(point, passes, began, Blow(f"the death at {point}:{passes}", time.monotonic()))


def _tell(database: str, swept: Swept) -> None:
    for death in swept.deaths:
        telling.tell("sweep", database=database, **swept.of(death))
    for fault in swept.faults:
        telling.progress(fault)


def main() -> int:
    parser = telling.options(__doc__)
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both", help="which (default both)")
    parser.add_argument("--passes", type=int, default=len(PASSES), help=f"how many of {PASSES}, under load")
    chosen = parser.parse_args()
    done: list[Swept] = []
    for database in DATABASES if chosen.database == "both" else (chosen.database,):
        for loaded in (False, True):
            telling.progress(f"{len(POINTS)} points on {database}, {'under load' if loaded else 'one page at a time'}")
            with contextlib.ExitStack() as running:
                on = database == "postgresql"
                url = running.enter_context(postgres.database(chosen.database_url)) if on else None
                points, passes = ((*POINTS, ANYWHERE), PASSES[: chosen.passes]) if loaded else (POINTS, (1,))
                done.append(sweep(url, points, passes, loaded=loaded))
            _tell(database, done[-1])
    return _conclude(done)


def _conclude(done: Sequence[Swept]) -> int:
    return telling.conclude(
        "sweep",
        CLAIM,
        holds=all(swept.holds for swept in done),
        points=len({death.point for swept in done for death in swept.deaths} - {ANYWHERE}),
        not_there_yet=LATER,
        crashes=sum(len(swept.deaths) for swept in done),
        accepted=sum(len(swept.accepted) for swept in done),
        pages=sum(len(swept.books.pages) for swept in done),
        timelines_verified=sum(entry.verified for swept in done for entry in swept.books.entries),
        lost=sum(swept.books.lost(swept.accepted) for swept in done),
        duplicates=sum(len(swept.twice) for swept in done),
        duplicates_at_one_crash_one_page_at_a_time=max(swept.most_at_once for swept in done if not swept.loaded),
        duplicates_at_one_crash_under_load=max(swept.most_at_once for swept in done if swept.loaded),
        unexplained=sum(one.blow is None for swept in done for one in swept.twice),
        faults=[fault for swept in done for fault in swept.faults],
    )


if __name__ == "__main__":
    sys.exit(main())
