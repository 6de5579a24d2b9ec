"""What the stand-ins share: an HTTP server on loopback, and how it behaves when it is told to misbehave."""

from __future__ import annotations

import threading
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

DRIP_EVERY_S = 0.2


class Behaviour(Enum):
    """What a provider does with the next request."""

    WORKS = "takes it"
    LOSES = "takes it, and nothing ever comes of it"
    FAILS = "fails for now"
    BUSY = "has too much to do"
    REFUSES = "refuses it for good"
    HANGS = "does not answer"
    DRIPS = "answers a byte now and then"


class Loopback(ThreadingHTTPServer):
    """A provider on a free port of loopback; use it as a context manager.

    Args:
        handler: answers its requests.
        port: 0 lets the system choose.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[Provided], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.behaviour = Behaviour.WORKS
        self.requests = 0
        self.over = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens, without a trailing slash."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Clients hang up on providers that hang; that is no news."""

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of everybody who still waits, and stop."""
        self.over.set()
        self.shutdown()
        self.server_close()


class Provided(BaseHTTPRequestHandler):
    """One connection to a provider."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def body(self) -> bytes:
        """What was posted; counts the request."""
        self.server.requests += 1
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, content: bytes, kind: str) -> None:
        """Answer whole."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def hang(self) -> None:
        """Say nothing until the provider is shut down."""
        self.close_connection = True
        self.server.over.wait()

    def drip(self) -> None:
        """Begin an answer and never end it."""
        self.close_connection = True
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(DRIP_EVERY_S):
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""
