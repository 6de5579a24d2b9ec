"""How long it takes from an alert to the page at a loopback webhook, on an otherwise idle machine.

Every sample is a new alert name, so a new incident (for Alertmanager a new group): sent, then waited for until the page
has arrived, at a gentle pace. The systems take turns sample by sample, so that both see the same machine. The peer is
Alertmanager with every wait of its own tuned away.
"""

from __future__ import annotations

import contextlib
import time

from benchmarks import report, systems
from benchmarks.load import Connection
from benchmarks.page_by_webhook import page_by_webhook
from benchmarks.page_sink import PageSink
from benchmarks.payloads import Door, Writer

BAR_MS = {"p50": 15.0, "p99": 60.0}
PAGE_WITHIN = 10.0
"""Seconds after which a page counts as missing."""
WARM_UP = 5


class Sampler:
    """Sends one alert at a time to one system and waits for its page."""

    def __init__(self, name: str, door: Door, sink: PageSink) -> None:
        self.name = name
        self._writer = Writer(door, "latency", severity="critical", name=f"{name.capitalize()}Latency")
        self._subject = f"{name.capitalize()}Latency%09d"
        self._connection = Connection(door.port)
        self._sink = sink
        self._turn = 0
        self.milliseconds: list[float] = []
        self.missing = self.refused = 0

    def sample(self) -> None:
        """Take one sample."""
        self._turn += 1
        request = self._writer.request(self._turn, [self._turn])
        began = time.perf_counter()
        if not 200 <= self._connection.ask(request) < 300:
            self.refused += 1
            return
        arrived = self._sink.wait_for((self._subject % self._turn).encode(), PAGE_WITHIN)
        if arrived is None:
            self.missing += 1
        else:
            self.milliseconds.append((arrived - began) * 1000)

    def forget(self) -> None:
        """Leave the samples so far out of the result."""
        self.milliseconds.clear()

    def tell(self, database: str | None) -> None:
        """Print the result."""
        ranked = sorted(self.milliseconds) or [float("inf")]
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
        figures = {
            name: round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 2) for name, share in shares.items()
        }
        facts: dict[str, object] = {f"page_ms_{name}": value for name, value in figures.items()}
        if database:
            met = all(figures[name] <= bar for name, bar in BAR_MS.items()) and not self.missing + self.refused
            facts |= {"database": database, "bar_ms": BAR_MS, "met": met}
        count = len(self.milliseconds)
        report.tell("latency", system=self.name, samples=count, missing=self.missing, refused=self.refused, **facts)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--samples", type=int, default=200, help="samples per system (default 200)")
    parser.add_argument("--pace", type=float, default=0.1, help="seconds between two samples (default 0.1)")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as running:
        sink = running.enter_context(PageSink(rb"(Tocsin|Peer)Latency\d{9}"))
        doors = {}
        if not chosen.only_peer:
            server = running.enter_context(
                systems.tocsin(chosen.database_url, prepare=lambda home: page_by_webhook(home, sink.url))
            )
            doors["tocsin"] = systems.tocsin_door(server, webhook=True)
        url = running.enter_context(systems.alertmanager(sink.url)) if chosen.with_alertmanager else chosen.peer_url
        if url:
            doors["peer"] = systems.peer_door(url)
        samplers = [Sampler(name, door, sink) for name, door in doors.items()]
        for turn in range(WARM_UP + chosen.samples):
            if turn == WARM_UP:
                for sampler in samplers:
                    sampler.forget()
            for sampler in samplers:
                sampler.sample()
            time.sleep(chosen.pace)
        for sampler in samplers:
            sampler.tell(report.database_name(chosen.database_url) if sampler.name == "tocsin" else None)
            sampler.close()


if __name__ == "__main__":
    main()
