"""An outside watchdog as heartbeat_url names it: it notes when it was asked, and says how long ago that was."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tocsin.demo.children import LOOPBACK


class Watchdog:
    """Listens on loopback for as long as the block lasts.

    Attributes:
        url: where it is asked.
        asked: when it was, on `time.monotonic`.
        status: what it answers.
    """

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.status = 200
        watchdog = self

        class _Asked(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                watchdog.asked.append(time.monotonic())
                self.send_response(watchdog.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), _Asked)
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/ping"

    def since(self, at: float) -> int:
        """How often it was asked since an instant of `time.monotonic`."""
        return sum(when > at for when in self.asked)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="watchdog", daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
