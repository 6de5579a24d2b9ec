"""What Claudex counts about itself, in Prometheus's text format."""

from __future__ import annotations

import threading
from collections import Counter

BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the request durations, in seconds."""


class Requests:
    """Counts of requests and how long they took; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: Counter[int] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        """Note one answered request: its HTTP status and its duration in seconds."""
        with self._lock:
            self._statuses[status] += 1
            self._seconds += seconds
            for bound in BUCKETS:
                if seconds <= bound:
                    self._buckets[bound] += 1

    def text(self) -> str:
        """The counts as Prometheus reads them."""
        with self._lock:
            total = self._statuses.total()
            errors = sum(count for status, count in self._statuses.items() if status >= 500)  # noqa: PLR2004 - 5xx
            lines = [
                *_described("claudex_requests_total", "counter", "Requests answered.", total),
                *_described("claudex_request_errors_total", "counter", "Requests answered with a 5xx.", errors),
                "# HELP claudex_request_duration_seconds How long requests took.",
                "# TYPE claudex_request_duration_seconds histogram",
                *(f'claudex_request_duration_seconds_bucket{{le="{le}"}} {self._buckets[le]}' for le in BUCKETS),
                f'claudex_request_duration_seconds_bucket{{le="+Inf"}} {total}',
                f"claudex_request_duration_seconds_sum {self._seconds:.6f}",
                f"claudex_request_duration_seconds_count {total}",
            ]
        return "\n".join(lines) + "\n"


def sample(name: str, kind: str, about: str, value: float) -> str:
    """One value with its description, as Prometheus reads it; `kind` is gauge or counter."""
    return "\n".join(_described(name, kind, about, value)) + "\n"


def _described(name: str, kind: str, about: str, value: float) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {value}"]
