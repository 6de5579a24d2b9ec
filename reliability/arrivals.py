"""The far side of people's webhooks: notes every page that arrives, over which connection, on one steady clock."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tocsin.demo.children import LOOPBACK


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that came.

    Args:
        page: the page's id, from the header `webhook-id`.
        at: when its last byte had arrived, on `time.monotonic`.
        connection: number of the connection it came over; one sender uses several, two senders never share one.
    """

    page: str
    at: float
    connection: int


class Arrivals:
    """An HTTP listener that takes every message; use it as a context manager.

    Attributes:
        url: what people have as their webhook.
        ended: when each connection ended, on `time.monotonic`, by its number.
    """

    def __init__(self) -> None:
        self._all: list[Arrival] = []
        self._connections = 0
        self._noting = threading.Lock()
        self.ended: dict[int, float] = {}
        self._server = _Listener((LOOPBACK, 0), _Connection)
        self._server.arrivals = self
        self._thread = threading.Thread(target=self._server.serve_forever, name="arrivals", daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/page"

    @property
    def all(self) -> list[Arrival]:
        """Everything that came so far, oldest first."""
        with self._noting:
            return list(self._all)

    def by_page(self) -> dict[str, list[Arrival]]:
        """The arrivals of each page, oldest first."""
        found = defaultdict[str, list[Arrival]](list)
        for arrival in self.all:
            found[arrival.page].append(arrival)
        return dict(found)

    def counted(self) -> Counter[str]:
        """Page ids, as often as each came."""
        return Counter(arrival.page for arrival in self.all)

    def connected(self) -> int:
        """A number for a connection that begins."""
        with self._noting:
            self._connections += 1
            return self._connections

    def note(self, page: str, connection: int) -> None:
        """A message is here to its last byte."""
        now = time.monotonic()
        with self._noting:
            self._all.append(Arrival(page, now, connection))

    def hung_up(self, connection: int) -> None:
        """The far side let go of a connection."""
        self.ended[connection] = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    arrivals: Arrivals

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that died in the middle of a request is what this is here for."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, _Listener), "it makes no others"
        self._arrivals = self.server.arrivals
        self._number = self._arrivals.connected()

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        if len(self.rfile.read(length)) < length:
            return
        self._arrivals.note(self.headers["webhook-id"], self._number)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def finish(self) -> None:
        self._arrivals.hung_up(self._number)
        super().finish()

    def log_message(self, *_: object) -> None:
        """Nothing is said."""
