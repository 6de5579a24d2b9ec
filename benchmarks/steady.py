"""A steady load: so many requests a second over a few kept-open connections, and when each was answered."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.load import Connection

CONNECTIONS = 4
_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """One request that was answered with a 2xx; instants on `time.perf_counter`."""

    sent_at: float
    at: float


class SteadyLoad:
    """Sends for as long as the block lasts; what is due while its connection waits goes out right after.

    Args:
        port: loopback port of the system under load; nobody need listen yet.
        requests: complete HTTP requests, taken as needed.
        per_second: requests in all.

    Attributes:
        answers: those with a 2xx, in no order.
        refused: how many others there were.
        lost: how many connections broke while a request was out.
    """

    def __init__(self, port: int, requests: Iterator[bytes], per_second: float) -> None:
        self._port, self._requests = port, requests
        self._every = CONNECTIONS / per_second
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(CONNECTIONS)]
        self.answers: list[Answer] = []
        self.refused = self.lost = 0

    def _send(self, number: int) -> None:
        connection: Connection | None = None
        due = time.perf_counter() + self._every * number / CONNECTIONS
        while not self._over.wait(max(0.0, due - time.perf_counter())):
            try:
                connection = connection or Connection(self._port)
            except OSError:
                due = time.perf_counter() + _AGAIN_S
                continue
            with self._turn:
                request = next(self._requests)
            if not self._ask(connection, request):
                connection.close()
                connection = None
            due = max(due + self._every, time.perf_counter() - self._every)
        if connection is not None:
            connection.close()

    def _ask(self, connection: Connection, request: bytes) -> bool:
        """Whether the connection can be used further."""
        sent_at = time.perf_counter()
        status = connection.ask(request)
        if 200 <= status < 300:
            self.answers.append(Answer(sent_at, time.perf_counter()))
        elif status == 0:
            self.lost += 1
        else:
            self.refused += 1
        return status != 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def longest_gap(answers: Sequence[Answer], until: float) -> float:
    """The longest time without any 2xx, in seconds, from the first one to `until`."""
    instants = [*sorted(answer.at for answer in answers if answer.at < until), until]
    return max((later - earlier for earlier, later in itertools.pairwise(instants)), default=float("inf"))


def wait_ms(answers: Sequence[Answer], share: float) -> float:
    """Milliseconds within which this share (0 to 1) of the requests was answered."""
    waits = sorted(answer.at - answer.sent_at for answer in answers)
    return round(waits[min(len(waits) - 1, int(share * len(waits)))] * 1000, 1) if waits else float("inf")
