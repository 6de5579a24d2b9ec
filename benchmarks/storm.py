"""A storm: very many alerts at once, over HTTP, on a server as a user starts it. Who is paged, how soon, how often?

Alerts come in batches as an Alertmanager sends them: one huge incident, thousands of others, forty services with people
of their own, every alert repeated again and again. All the while one service after the other breaks down (CRITICAL),
and somebody looks at web pages. Mail goes to a real SMTP server on loopback. The short default ends within a minute;
the whole storm is `--events 1000000 --alerts 100000 --drain 75`. A request that was refused or lost is not sent
again, as every alert is repeated; `all_there` says whether every one was kept.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import queue
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks import load, report, storm_team, systems
from benchmarks.footprint import pss_bytes
from benchmarks.payloads import Door, Writer
from benchmarks.storm_records import Records, records
from benchmarks.visits import Visits, share
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import TocsinServer

SERVICES = 40
PER_REQUEST = 50
PER_INCIDENT = 25
HUGE = 0.1
"""The part of all alerts that belongs to one incident."""
MIX = ("error",) * 4 + ("warning",) * 12 + ("info",) * 4
SERVICE_DOWN = "ServiceDown"
LOOK_EVERY_S = 0.25
BARS = {"critical_s_p99": 5.0, "memory_mb": 1024.0, "page_ms_p99": 300.0, "early": 0}
CLAIM = "In a flood the worst are paged at once, people get bundles, every alert is kept, and memory stays bounded."
GIVE_UP_AFTER_S = 3_600.0


@dataclass(slots=True)
class Breakdowns:
    """One service after the other breaks down; each is told to the server over a fresh connection until it says 2xx.

    Args:
        door: where alerts go in.
        services: how many there are.
        accepted: service to when its alert was answered with a 2xx, in seconds of Unix time.
    """

    door: Door
    services: int
    accepted: dict[int, float] = field(default_factory=dict)
    _asked: queue.SimpleQueue[int | None] = field(default_factory=queue.SimpleQueue)

    def ask(self, number: int | None) -> None:
        """Let a service break down; None when there is none left."""
        self._asked.put(number)

    def run(self) -> None:
        """Tell of each as it comes; for a thread of its own."""
        while (number := self._asked.get()) is not None:
            writer = Writer(self.door, "storm", "critical", SERVICE_DOWN, storm_team.service(number))
            while number not in self.accepted:
                with contextlib.suppress(OSError), contextlib.closing(load.Connection(self.door.port)) as connection:
                    if 200 <= connection.ask(writer.request(number, [number])) < 300:
                        self.accepted[number] = time.time()

    def seconds(self, sink: SmtpSink) -> list[float]:
        """From each breakdown that was accepted to its mail at its person; infinite where none came."""
        arrived: dict[int, float] = {}
        numbers = {storm_team.address(number): number for number in range(self.services)}
        for mail in sink.messages:
            number = numbers.get(mail.recipients[0])
            if number is not None and number not in arrived and f"{SERVICE_DOWN}{number:09d}" in mail.text:
                arrived[number] = mail.received_at.timestamp()
        return [arrived.get(number, float("inf")) - at for number, at in self.accepted.items()]


def storm(door: Door, chosen: argparse.Namespace, breakdowns: Breakdowns) -> Iterator[bytes]:
    """The requests, pass after pass over the same alerts; each pass in another order, the huge incident first."""
    huge = int(chosen.alerts * HUGE)
    writers = {
        (number, severity): Writer(door, "storm", severity, "Storm", storm_team.service(number))
        for number, severity in itertools.product(range(chosen.services), sorted(set(MIX)))
    }
    groups = [(0, 0, huge)]
    groups += [(name, 0, PER_INCIDENT) for name in range(1, 1 + (chosen.alerts - huge) // PER_INCIDENT)]
    chance, sent, broken = random.Random(1), 0, 0
    while True:
        for name, first, count in groups:
            writer = writers[name % chosen.services, MIX[name // chosen.services % len(MIX)]]
            for start in range(first, count, PER_REQUEST):
                numbers = range(start, min(start + PER_REQUEST, count, start + chosen.events - sent))
                if not numbers:
                    breakdowns.ask(None)
                    return
                yield writer.request(name, numbers)
                sent += len(numbers)
                while broken < chosen.services and sent >= (broken + 1) * chosen.events // (chosen.services + 1):
                    breakdowns.ask(broken)
                    broken += 1
        groups = [groups[0], *chance.sample(groups[1:], len(groups) - 1)]


@dataclass(slots=True)
class Memory:
    """The most a process ever took, looked at in a thread; use it as a context manager."""

    pid: int
    pss: int = 0
    rss: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            with contextlib.suppress(OSError):
                self.pss = max(self.pss, pss_bytes(self.pid))
                lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
                self.rss = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()


class Paths:
    """What somebody looks at: the list, the huge incident, and one of the others."""

    def __init__(self, server: TocsinServer) -> None:
        self._server = server
        self._paths: list[str] = []

    def __call__(self) -> Sequence[str]:
        """The paths, once there are incidents."""
        if not self._paths:
            incidents = self._incidents()
            if len(incidents) > 1:
                huge = max(incidents, key=lambda one: int(str(one["alerts"])))
                self._paths = ["/", f"/incidents/{huge['id']}", f"/incidents/{incidents[0]['id']}"]
        return self._paths

    def _incidents(self) -> list[dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        with contextlib.closing(connection):
            headers = {"Authorization": f"Bearer {self._server.token}"}
            connection.request("GET", "/api/v1/incidents?limit=100", headers=headers)
            answer = json.loads(connection.getresponse().read())
        items: list[dict[str, object]] = answer["items"]
        return items


def measure(server: TocsinServer, chosen: argparse.Namespace) -> dict[str, object]:
    """Let the storm rage, then wait for what people are still to get. Returns what was measured from outside."""
    door = systems.tocsin_door(server, webhook=True)
    breakdowns = Breakdowns(door, chosen.services)
    teller = threading.Thread(target=breakdowns.run, name="breakdowns", daemon=True)
    teller.start()
    assert server.process is not None, "it is served"
    with Memory(server.process.pid) as memory, Visits(server, Paths(server), LOOK_EVERY_S) as visits:
        requests = storm(door, chosen, breakdowns)
        outcome = load.drive(server.port, requests, seconds=GIVE_UP_AFTER_S, limit=chosen.events)
        teller.join(timeout=60)
        time.sleep(chosen.drain)
    waits = breakdowns.seconds(server.sink)
    return {
        "requests": outcome.accepted,
        "refused": outcome.refused,
        "lost": outcome.lost,
        "storm_s": round(outcome.seconds, 1),
        "events_per_s": round(chosen.events / outcome.seconds),
        "answer_ms_p99": outcome.wait_ms(0.99),
        "breakdowns": len(waits),
        "critical_s_p50": share(waits, 0.5),
        "critical_s_p99": share(waits, 0.99),
        "critical_s_max": share(waits, 1.0),
        "memory_mb": round(memory.pss / 1e6, 1),
        "memory_rss_mb": round(memory.rss / 1e6, 1),
        "looks": len(visits.milliseconds),
        "looks_failed": visits.failed,
        "page_ms_p50": share(visits.milliseconds, 0.5),
        "page_ms_p99": share(visits.milliseconds, 0.99),
        "page_ms_p99_huge": share(visits.milliseconds[1::3], 0.99),
    }


def conclude(figures: dict[str, object], kept: Records, chosen: argparse.Namespace) -> bool:
    """Print the summary. Returns whether every bar was met."""
    figures |= {
        "alerts": kept.alerts,
        "incidents": kept.incidents,
        "pages": kept.pages,
        "messages": kept.messages,
        "messages_per_person_and_minute_max": kept.most_in_a_minute,
        "early": kept.early,
        "still_waiting": kept.waiting,
        "all_there": kept.alerts == kept.expected,
    }
    numbers = {name: float(str(figures[name])) for name in BARS if figures[name] is not None}
    within = len(numbers) == len(BARS) and all(numbers[name] <= bar for name, bar in BARS.items())
    complete = figures["looks_failed"] == 0 and figures["breakdowns"] == chosen.services
    holds = within and complete and bool(figures["all_there"])
    named = {"driver": "storm", "claim": CLAIM, "holds": holds, "met": holds, "system": "tocsin"}
    database = report.database_name(chosen.database_url)
    report.tell("storm", **named, database=database, events=chosen.events, **figures, bars=BARS)
    return holds


def main() -> int:
    parser = report.options(__doc__, peer=False)
    parser.add_argument("--events", type=int, default=100_000, help="events in all (default 100,000)")
    parser.add_argument("--alerts", type=int, default=10_000, help="distinct alerts (default 10,000)")
    parser.add_argument("--services", type=int, default=SERVICES, help=f"services (default {SERVICES})")
    parser.add_argument("--drain", type=float, default=5.0, help="seconds to wait after the last event (default 5)")
    chosen = parser.parse_args()
    with systems.tocsin_home(chosen.database_url) as (home, sink):
        storm_team.staff(home, chosen.services)
        with TocsinServer(home, service=systems.SERVICE, sink=sink) as server:
            figures = measure(server, chosen)
        kept = records(home, expected=chosen.alerts + chosen.services)
    return 0 if conclude(figures, kept, chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
