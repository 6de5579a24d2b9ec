"""Load: monitors that send distinct alerts over several connections, each alert until it was answered by a 2xx."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, cycle
from types import TracebackType
from typing import Any, Self

import httpx

from tocsin.demo.tocsin_server import TocsinServer

SEVERITIES = ("critical", "error", "warning")
TOGETHER = 3
"""So many alerts share an incident; each is a request of its own."""

EVERY_S = 0.03
"""Between two alerts of one connection: hundreds of incidents in a minute, not thousands."""

AGAIN_S = 0.05
PATIENCE_S = 10.0
"""As Prometheus."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where alerts go in.

    Args:
        url: whole.
        key: of the integration, for the door that Prometheus posts to; empty for the door of Alertmanager.
    """

    url: str
    key: str = ""

    def send(self, client: httpx.Client, alert: str, name: str, severity: str) -> int:
        """Send one firing alert in the door's own format. Returns the status of the answer.

        Raises:
            httpx.TransportError: there was none.
        """
        who = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return client.post(self.url, json=self.body(alert, name, severity), headers=who).status_code

    def body(self, alert: str, name: str, severity: str) -> object:
        """What is sent."""
        firing: dict[str, Any] = {"labels": labels(alert, name, severity), "annotations": {}}
        if self.key:
            return [firing]
        return {"version": "4", "status": "firing", "alerts": [firing | {"status": "firing"}]}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where somebody declares incidents through the API, one for each alert.

    Args:
        url: of the server.
        token: the person's.
    """

    url: str
    token: str

    def send(self, client: httpx.Client, alert: str, _name: str, severity: str) -> int:
        """Declare an incident whose title is the alert. Returns the status of the answer.

        Raises:
            httpx.TransportError: there was none.
        """
        facts = {"title": alert, "service": "claudex", "severity": _DECLARED[severity]}
        who = {"Authorization": f"Bearer {self.token}"}
        return client.post(f"{self.url}/api/v1/incidents", json=facts, headers=who).status_code


_DECLARED = {"critical": "CRITICAL", "error": "HIGH", "warning": "MEDIUM"}


def doors(*nodes: TocsinServer) -> list[Door]:
    """Both doors of each of these nodes; they share the first one's integration."""
    key = nodes[0].key
    webhooks = [Door(f"{node.url}/ingest/{key}/alertmanager") for node in nodes]
    return webhooks + [Door(f"{node.url}/api/v2/alerts", key) for node in nodes]


def labels(alert: str, name: str, severity: str) -> dict[str, str]:
    """Labels of an alert; `alert` tells it from all others, `name` is its incident."""
    return {"alertname": name, "service": "claudex", "severity": severity, "which": alert}


class Senders:
    """Senders at work for as long as the block lasts; no alert is ever sent that was answered by a 2xx before.

    A person at a desk does not repeat what was sent and not answered: it may have been done.

    Args:
        into: doors of equal nodes; a connection stays with one until that fails, and then tries the next.
        connections: how many send at once.
        every_s: seconds between two alerts of one connection; what a failure held up is made up for.
        called: what the names of its alerts begin with.
        together: so many alerts share an incident.
        severities: labels that incidents take in turn.
        patience_s: seconds to wait for an answer.

    Attributes:
        accepted: names of the alerts that were answered by a 2xx, and when, on `time.monotonic`.
        waits: the same instants, each with the seconds that answer took.
        unavailable: how many requests were answered by a 503.
        dropped: how many requests were not answered at all.
        strange: answers that are neither, for which a sender would give up.
        slowest_s: seconds the slowest answer took.
        at_desk: whether it is a person who declares.
    """

    def __init__(
        self,
        into: Sequence[Door | Desk],
        connections: int = 4,
        *,
        called: str = "load",
        every_s: float = EVERY_S,
        together: int = TOGETHER,
        severities: Sequence[str] = SEVERITIES,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.accepted: dict[str, float] = {}
        self.waits: list[tuple[float, float]] = []
        self.unavailable = self.dropped = 0
        self.strange: list[str] = []
        self.slowest_s = 0.0
        self.at_desk = isinstance(into[0], Desk)
        self._called, self._every_s, self._together, self._severities = called, every_s, together, severities
        self._patience_s = patience_s
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(name, into), daemon=True) for name in range(connections)
        ]

    def _send_all(self, name: int, into: Sequence[Door | Desk]) -> None:
        turns = cycle([*into[name % len(into) :], *into[: name % len(into)]])
        door, due = next(turns), time.monotonic()
        with httpx.Client(trust_env=False, timeout=self._patience_s) as client:
            for number in count():
                while not self._send(client, door, name, number):
                    door = next(turns)
                    if self._over.wait(AGAIN_S):
                        return
                due += self._every_s
                if self._over.wait(max(0.0, due - time.monotonic())):
                    return

    def _send(self, client: httpx.Client, door: Door | Desk, name: int, number: int) -> bool:
        """Whether it was answered by a 2xx, or may have been done at a desk."""
        alert, group = f"{self._called}-{name}-{number}", number // self._together
        severity = self._severities[group % len(self._severities)]
        began = time.monotonic()
        try:
            status = door.send(client, alert, f"{self._called.title()}{name}x{group}", severity)
        except httpx.TransportError as error:
            self.dropped += 1
            return isinstance(door, Desk) and not isinstance(error, httpx.ConnectError)
        return self._answered(alert, status, began)

    def _answered(self, alert: str, status: int, began: float) -> bool:
        """Note an answer; whether it is a 2xx."""
        at = time.monotonic()
        self.slowest_s = max(self.slowest_s, at - began)
        if httpx.codes.is_success(status):
            self.accepted[alert] = at
            self.waits.append((at, at - began))
        elif status == httpx.codes.SERVICE_UNAVAILABLE:
            self.unavailable += 1
        else:
            self.strange.append(f"{alert}: {status}")
        return alert in self.accepted

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the load; returns when no request is on its way."""
        self._over.set()
        for thread in self._threads:
            thread.join()
