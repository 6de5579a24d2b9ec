"""Load: monitors that send distinct alerts over several connections, each alert until it was answered by a 2xx."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import count, cycle
from types import TracebackType
from typing import Self

import httpx

SEVERITIES = ("critical", "error", "warning")
TOGETHER = 3
"""So many alerts share an incident; each is a request of its own."""

PAUSE_S = 0.03
"""Between two alerts of one connection: hundreds of incidents in a minute, not thousands."""

AGAIN_S = 0.05


class Senders:
    """Senders at work for as long as the block lasts; no alert is ever sent that was answered by a 2xx before.

    Args:
        urls: doors of equal nodes; after a failure the next one is tried.
        connections: how many send at once.

    Attributes:
        accepted: names of the alerts that were answered by a 2xx.
        unavailable: how many requests were answered by a 503.
        dropped: how many requests were not answered at all.
        strange: answers that are neither, for which a sender would give up.
    """

    def __init__(self, urls: Sequence[str], connections: int = 4) -> None:
        self.accepted: list[str] = []
        self.unavailable = self.dropped = 0
        self.strange: list[str] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(name, urls), daemon=True) for name in range(connections)
        ]

    def _send_all(self, name: int, urls: Sequence[str]) -> None:
        doors = cycle([*urls[name % len(urls) :], *urls[: name % len(urls)]])
        with httpx.Client(trust_env=False, timeout=10) as client:
            for number in count():
                alert = f"load-{name}-{number}"
                if not self._send(client, doors, alert, payload(alert, f"Load{name}x{number // TOGETHER}", number)):
                    return
                if self._over.wait(PAUSE_S):
                    return

    def _send(self, client: httpx.Client, doors: Iterator[str], alert: str, body: object) -> bool:
        """Until a 2xx; False when the load ends before."""
        for url in doors:
            try:
                status = client.post(url, json=body).status_code
            except httpx.TransportError:
                self.dropped += 1
            else:
                if httpx.codes.is_success(status):
                    self.accepted.append(alert)
                    return True
                if status == httpx.codes.SERVICE_UNAVAILABLE:
                    self.unavailable += 1
                else:
                    self.strange.append(f"{alert}: {status}")
            if self._over.wait(AGAIN_S):
                break
        return False

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


def payload(alert: str, name: str, number: int = 0) -> object:
    """One firing alert as Alertmanager sends it; `alert` tells it from all others, `name` is its incident."""
    labels = {
        "alertname": name,
        "service": "claudex",
        "severity": SEVERITIES[number // TOGETHER % len(SEVERITIES)],
        "which": alert,
    }
    return {"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": labels, "annotations": {}}]}
