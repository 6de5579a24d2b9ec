"""Coming back with much to do: a restart with many armed timers, and one after which they are all overdue.

`armed`: that many incidents have a timer, one of which falls due as the process starts; how long after the start of the
process its page arrives. `overdue`: all of them owe their second level a page for a minute already, and monitors post
alerts all the while; how long nobody was answered with a 2xx, how soon all that was overdue is decided and its pages
planned, and how fast they arrive. Pages go to a loopback webhook: one by one, as nothing is bundled for programs.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from benchmarks import report, systems
from benchmarks.arm import arm, arm_overdue, connected
from benchmarks.page_by_webhook import page_by_webhook
from benchmarks.page_sink import PageSink
from benchmarks.payloads import Writer, distinct
from benchmarks.steady import SteadyLoad, longest_gap, wait_ms
from tocsin.db.codec import micros
from tocsin.demo.tocsin_server import Home, TocsinServer
from tocsin.settings import Settings

BAR_FIRST_PAGE_S = 2.0
BAR_GAP_S = 1.0
OVERDUE_BY = timedelta(minutes=1)
FIRST_PAGE_WITHIN_S = 60.0
LOOK_EVERY_S = 0.25
DUE = rb"INC-\d{8}-\d{6}-\d+"
OVERDUE = rb"INC-\d{8}-\d{6}-1-\d+"
"""Ids of the incidents that were armed; those that the load declares have no number, or one."""


def restart_armed(home: Home, server: TocsinServer, database: str, timers: int) -> bool:
    """Tell how soon the one page comes that is due when the process starts. Returns whether within the bar."""
    with PageSink(DUE) as sink:
        page_by_webhook(home, sink.url)
        [due] = arm(home, due=1, over=0, resting=timers - 1, begins_in=0)
        started = time.perf_counter()
        server.launch()
        arrived = sink.wait_for(due.encode(), FIRST_PAGE_WITHIN_S)
        server.stop()
    first = None if arrived is None else round(arrived - started, 3)
    met = first is not None and first <= BAR_FIRST_PAGE_S
    facts = {"first_page_after_start_s": first, "bar_s": BAR_FIRST_PAGE_S, "met": met}
    report.tell("restart", case="armed", system="tocsin", database=database, timers=timers, **facts)
    return met


def restart_overdue(home: Home, server: TocsinServer, database: str, chosen: argparse.Namespace) -> bool:
    """Tell what senders noticed while all that was overdue was made up for. Returns whether within the bar."""
    timers, within = chosen.timers, chosen.within
    with PageSink(OVERDUE) as sink:
        page_by_webhook(home, sink.url)
        arm_overdue(home, timers, OVERDUE_BY)
        requests = distinct(Writer(systems.tocsin_door(server, webhook=True), "restart"), 1)
        with looking(home) as still_overdue, SteadyLoad(server.port, requests, chosen.per_second) as load:
            started = time.perf_counter()
            server.launch()
            decided_at = wait_for_zero(still_overdue, started + within)
            paged = sink.wait_for_count(timers, started + within - time.perf_counter())
            ended = time.perf_counter()
            left = 0 if decided_at else still_overdue()
        server.stop()
        arrivals = sorted(sink.arrivals().values())
    while_deciding = [answer for answer in load.answers if answer.sent_at < (decided_at or ended)]
    gap = longest_gap(load.answers, ended)
    met = decided_at is not None and gap <= BAR_GAP_S and not load.refused
    report.tell(
        "restart",
        case="overdue",
        system="tocsin",
        database=database,
        timers=timers,
        requests_per_second=chosen.per_second,
        first_2xx_after_start_s=round(min((a.at for a in load.answers), default=ended) - started, 2),
        longest_gap_s=round(gap, 3),
        answered=len(load.answers),
        refused=load.refused,
        answer_ms_p50=wait_ms(load.answers, 0.5),
        answer_ms_p99=wait_ms(load.answers, 0.99),
        answer_ms_max=wait_ms(load.answers, 1.0),
        answer_ms_p99_while_deciding=wait_ms(while_deciding, 0.99),
        decided_s=round(decided_at - started, 1) if decided_at else None,
        undecided=left,
        first_page_s=round(arrivals[0] - started, 2) if arrivals else None,
        paged=paged,
        paged_s=round(ended - started, 1),
        pages_per_second=round(len(arrivals) / (arrivals[-1] - arrivals[0])) if len(arrivals) > 1 else 0,
        bar_s=BAR_GAP_S,
        met=met,
    )
    return met


@contextlib.contextmanager
def looking(home: Home) -> Iterator[Callable[[], int]]:
    """Counts the timers that had run out before this began and were not seen to since."""
    before = micros(datetime.now(UTC))
    with connected(Settings.from_environment(home.env)) as (sql, commit):

        def still_overdue() -> int:
            [[count]] = sql.all("SELECT count(*) FROM incidents WHERE next_due_at <= ?", (before,))
            commit()
            return int(count)

        yield still_overdue


def wait_for_zero(count: Callable[[], int], until: float) -> float | None:
    """When there were none any more, on `time.perf_counter`; None when there still are some at `until`."""
    while count():
        if time.perf_counter() > until:
            return None
        time.sleep(LOOK_EVERY_S)
    return time.perf_counter()


def options() -> argparse.Namespace:
    parser = report.options(__doc__, peer=False)
    parser.add_argument("--timers", type=int, default=20_000, help="armed timers in each case (default 20,000)")
    parser.add_argument("--per-second", type=float, default=100.0, help="requests a second meanwhile (default 100)")
    parser.add_argument("--within", type=float, default=30.0, help="seconds to watch a restart for (default 30)")
    parser.add_argument("--only", choices=["armed", "overdue"], help="one of the two cases")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    database = report.database_name(chosen.database_url)
    with contextlib.ExitStack() as running:
        home, mail = running.enter_context(systems.tocsin_home(chosen.database_url))
        server = running.enter_context(TocsinServer(home, service=systems.SERVICE, sink=mail))
        server.stop()
        if chosen.only != "overdue":
            restart_armed(home, server, database, chosen.timers)
        if chosen.only != "armed":
            restart_overdue(home, server, database, chosen)


if __name__ == "__main__":
    main()
