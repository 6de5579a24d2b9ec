"""A signed-in person who looks at web pages, one at a time over one connection, and notes how long each took."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Self

from tocsin.demo.tocsin_server import TocsinServer

WITHIN_S = 30.0


class Visitor:
    """A browser without pictures.

    Args:
        server: a served Tocsin; its admin's token signs in.
    """

    def __init__(self, server: TocsinServer) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN_S)
        body = urllib.parse.urlencode({"token": server.token})
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": server.url}
        self._connection.request("POST", "/login", body, form)
        answer = self._connection.getresponse()
        answer.read()
        self._cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]

    def look(self, path: str) -> tuple[int, float, int]:
        """Fetch a page. Returns its status, the milliseconds to its last byte, and its length."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        length = len(answer.read())
        return answer.status, (time.perf_counter() - began) * 1000, length

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Visits:
    """Somebody who looks again and again, in a thread; use it as a context manager.

    Args:
        server: a served Tocsin.
        paths: what they look at next; called before each look.
        every: seconds from one look to the next.
    """

    def __init__(self, server: TocsinServer, paths: Callable[[], Sequence[str]], every: float) -> None:
        self._visitor, self._paths, self._every = Visitor(server), paths, every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="visits", daemon=True)
        self.milliseconds: list[float] = []
        self.failed = 0

    def _run(self) -> None:
        turn = 0
        while not self._ended.wait(self._every):
            paths = self._paths()
            if not paths:
                continue
            turn += 1
            try:
                status, took, _ = self._visitor.look(paths[turn % len(paths)])
            except (OSError, http.client.HTTPException):
                self.failed += 1
                continue
            self.milliseconds.append(took)
            self.failed += status != http.HTTPStatus.OK

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._visitor.close()


def share(values: Sequence[float], part: float) -> float | None:
    """The value that this part (0 to 1) of all does not exceed; None without any."""
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(part * len(ranked)))], 3) if ranked else None
