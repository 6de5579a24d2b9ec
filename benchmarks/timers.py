"""How late timers are: 2,000 incidents' next level falls due over 20 seconds while 98,000 others are armed.

Lateness is measured from outside: from the instant at which the level was to be paged to the arrival of its page at a
loopback webhook, so it includes deciding, storing and sending.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta

from benchmarks import report, systems
from benchmarks.arm import arm
from benchmarks.page_by_webhook import page_by_webhook
from benchmarks.page_sink import PageSink
from tocsin.demo.tocsin_server import TocsinServer

BAR_P99_S = 0.5
SETTLING = 2.0
"""Seconds between the server's being ready, if its start takes twice as long as an empty one's, and the first timer."""
GRACE = 10.0
"""Seconds after the last timer in which a late page still counts as late rather than missing."""


def lateness(due: dict[str, datetime], arrivals: dict[bytes, float], clock: tuple[datetime, float]) -> list[float]:
    """Seconds each page came after its incident was due, sorted.

    Args:
        due: when each incident's page was due.
        arrivals: when a page about each incident arrived, on `time.perf_counter`.
        clock: one instant on both clocks.
    """
    wall, counter = clock
    at = {name.decode(): wall + timedelta(seconds=arrived - counter) for name, arrived in arrivals.items()}
    return sorted((at[name] - instant).total_seconds() for name, instant in due.items() if name in at)


def main() -> None:
    parser = report.options(__doc__, peer=False)
    parser.add_argument("--armed", type=int, default=100_000, help="armed timers in all (default 100,000)")
    parser.add_argument("--due", type=int, default=2_000, help="how many of them fall due (default 2,000)")
    parser.add_argument("--over", type=float, default=20.0, help="seconds over which they do (default 20)")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as running:
        sink = running.enter_context(PageSink(rb"INC-\d{8}-\d{6}(-\d+)?"))
        home, mail = running.enter_context(systems.tocsin_home(chosen.database_url))
        page_by_webhook(home, sink.url)
        began = time.perf_counter()
        with TocsinServer(home, service=systems.SERVICE, sink=mail):
            begins_in = 2 * (time.perf_counter() - began) + SETTLING
        began = time.perf_counter()
        due = arm(home, due=chosen.due, over=chosen.over, resting=chosen.armed - chosen.due, begins_in=begins_in)
        arming = time.perf_counter() - began
        clock = (datetime.now(UTC), time.perf_counter())
        running.enter_context(TocsinServer(home, service=systems.SERVICE, sink=mail))
        ready_late = (datetime.now(UTC) - min(due.values())).total_seconds()
        left = (max(due.values()) - datetime.now(UTC)).total_seconds()
        sink.wait_for_count(len(due), max(left, 0) + GRACE)
        late = lateness(due, sink.arrivals(), clock)
    shares = {"late_s_p50": 0.5, "late_s_p90": 0.9, "late_s_p99": 0.99, "late_s_max": 1.0}
    figures = {
        name: round(late[min(len(late) - 1, int(share * len(late)))], 3) for name, share in shares.items() if late
    }
    report.tell(
        "timers",
        system="tocsin",
        database=report.database_name(chosen.database_url),
        armed=chosen.armed,
        due=len(due),
        over_s=chosen.over,
        paged=len(late),
        **figures,
        earliest_s=round(late[0], 3) if late else None,
        arming_s=round(arming, 1),
        server_ready_after_first_due_s=round(max(ready_late, 0), 2),
        bar_s=BAR_P99_S,
        met=ready_late < 0 and len(late) == len(due) and figures["late_s_p99"] <= BAR_P99_S,
    )


if __name__ == "__main__":
    main()
