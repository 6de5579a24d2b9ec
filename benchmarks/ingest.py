"""Alerts per second that are accepted and, for Tocsin, on disk.

Three loads, each over 12 kept-open connections with one request in flight on each: 20 distinct alerts per request, one
distinct alert per request, and one per request of which 95% repeat an open alert unchanged. The systems take turns, the
figure is the median of the runs, and only requests answered with a 2xx count.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import load, report, systems
from benchmarks.payloads import NEW_IN, Door, Writer, distinct, mostly_repeats
from tocsin.demo.tocsin_server import TocsinServer

BARS = {"batches of 20": 0.4, "one per request": 0.25, "95% repeats": 0.25}
"""At least this share of Alertmanager's figure, on SQLite."""
MOST_REQUESTS = 200_000
KNOWN = 400


@dataclass(frozen=True, slots=True)
class System:
    """One system under load."""

    name: str
    door: Door


def batches(door: Door, tag: str) -> Iterator[bytes]:
    return distinct(Writer(door, tag), 20)


def singles(door: Door, tag: str) -> Iterator[bytes]:
    return distinct(Writer(door, tag), 1)


def repeats(door: Door, tag: str) -> Iterator[bytes]:
    """The repeated alerts are made known first, outside the measured time."""
    known = list(itertools.islice(distinct(Writer(door, f"{tag}-known"), 1), KNOWN))
    load.drive(door.port, iter(known), seconds=30, limit=len(known))
    return mostly_repeats(Writer(door, tag), known)


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of load.

    Args:
        per_request: alerts in each request.
        requests: makes the requests for a door; the tag keeps the runs' alerts apart.
        distinct: how many different alerts so many accepted requests brought.
    """

    per_request: int
    requests: Callable[[Door, str], Iterator[bytes]]
    distinct: Callable[[int], int]


LOADS = {
    "batches of 20": Load(20, batches, lambda accepted: accepted * 20),
    "one per request": Load(1, singles, lambda accepted: accepted),
    "95% repeats": Load(1, repeats, lambda accepted: KNOWN + -(-accepted // NEW_IN)),
}


def measure(under_load: list[System], chosen: argparse.Namespace) -> dict[str, int]:
    """Run every load on every system in turn, tell the results. Returns the distinct alerts each system accepted."""
    brought = dict.fromkeys((system.name for system in under_load), 0)
    for name, kind in LOADS.items():
        outcomes: dict[str, list[load.Outcome]] = {system.name: [] for system in under_load}
        for run, system in itertools.product(range(chosen.repeats), under_load):
            outcome = load.drive(
                system.door.port,
                kind.requests(system.door, f"{name.split()[0]}-{run}"),
                seconds=chosen.seconds,
                limit=MOST_REQUESTS,
                connections=chosen.connections,
            )
            outcomes[system.name].append(outcome)
            brought[system.name] += kind.distinct(outcome.accepted)
        rates = {
            system.name: tell_load(name, system.name, kind.per_request, outcomes[system.name], chosen)
            for system in under_load
        }
        if "tocsin" in rates and len(rates) > 1:
            ratio = round(rates["tocsin"] / rates["peer"], 3)
            report.tell("ingest", load=name, ratio=ratio, bar=BARS[name], met=ratio >= BARS[name])
    return brought


def tell_load(
    name: str, system: str, per_request: int, outcomes: list[load.Outcome], chosen: argparse.Namespace
) -> float:
    """Tell one line of results. Returns the median rate in alerts/s."""
    rates = [outcome.accepted * per_request / outcome.seconds for outcome in outcomes]
    report.tell(
        "ingest",
        load=name,
        system=system,
        **({"database": report.database_name(chosen.database_url), "door": chosen.door} if system == "tocsin" else {}),
        alerts_per_second=round(statistics.median(rates)),
        runs=[round(rate) for rate in rates],
        answer_ms_p50=statistics.median(outcome.wait_ms(0.5) for outcome in outcomes),
        answer_ms_p99=statistics.median(outcome.wait_ms(0.99) for outcome in outcomes),
        refused=sum(outcome.refused for outcome in outcomes),
        lost=sum(outcome.lost for outcome in outcomes),
        generator_cpu=round(sum(o.cpu_seconds for o in outcomes) / sum(o.seconds for o in outcomes), 2),
    )
    return statistics.median(rates)


def stored_alerts(server: TocsinServer) -> int:
    """How many alerts the server's incidents hold, as its API tells."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    total, cursor = 0, ""
    with contextlib.closing(connection):
        while True:
            query = f"&cursor={cursor}" if cursor else ""
            headers = {"Authorization": f"Bearer {server.token}"}
            connection.request("GET", f"/api/v1/incidents?limit=100{query}", headers=headers)
            page = json.loads(connection.getresponse().read())
            total += sum(int(incident["alerts"]) for incident in page["items"])
            cursor = page["next"] or ""
            if not cursor:
                return total


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one run (default 2)")
    parser.add_argument("--repeats", type=int, default=3, help="runs per load and system (default 3)")
    parser.add_argument("--connections", type=int, default=load.CONNECTIONS, help="requests in flight (default 12)")
    parser.add_argument(
        "--door", choices=["alertmanager", "prometheus"], default="alertmanager", help="Tocsin's format (see docs)"
    )
    chosen = parser.parse_args()
    with contextlib.ExitStack() as running:
        under_load = []
        server = None
        if not chosen.only_peer:
            server = running.enter_context(systems.tocsin(chosen.database_url))
            under_load.append(System("tocsin", systems.tocsin_door(server, webhook=chosen.door == "alertmanager")))
        url = running.enter_context(systems.alertmanager()) if chosen.with_alertmanager else chosen.peer_url
        if url:
            under_load.append(System("peer", systems.peer_door(url)))
        brought = measure(under_load, chosen)
        if server is not None:
            stored = stored_alerts(server)
            told = {"distinct_alerts_accepted": brought["tocsin"], "stored": stored}
            report.tell("ingest", system="tocsin", **told, all_there=stored >= brought["tocsin"])


if __name__ == "__main__":
    main()
