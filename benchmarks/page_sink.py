"""Takes pages on a loopback port and notes when each one's last byte arrived."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
import time
from typing import Self

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class PageSink:
    """An HTTP listener in a thread of its own; use it as a context manager.

    Args:
        pattern: finds in a page's body what it is about; the first match counts.
    """

    def __init__(self, pattern: bytes) -> None:
        self._pattern = re.compile(pattern)
        self._arrived: dict[bytes, float] = {}
        self._change = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="page-sink", daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/page"

    def wait_for(self, subject: bytes, timeout: float) -> float | None:
        """When a page about this subject first arrived, on `time.perf_counter`; None when none does in `timeout` s."""
        with self._change:
            self._change.wait_for(lambda: subject in self._arrived, timeout)
            return self._arrived.get(subject)

    def wait_for_count(self, count: int, timeout: float) -> int:
        """Wait until pages about so many subjects have arrived, at most `timeout` s. Returns how many there are."""
        with self._change:
            self._change.wait_for(lambda: len(self._arrived) >= count, timeout)
            return len(self._arrived)

    def arrivals(self) -> dict[bytes, float]:
        """When the first page about each subject arrived."""
        with self._change:
            return dict(self._arrived)

    def _run(self) -> None:
        received: dict[socket.socket, bytes] = {}
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    for connection in received:
                        connection.close()
                    return
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    received[connection] = b""
                    self._selector.register(connection, selectors.EVENT_READ)
                else:
                    self._read(key.fileobj, received)  # type: ignore[arg-type] # every other one is a connection

    def _read(self, connection: socket.socket, received: dict[socket.socket, bytes]) -> None:
        part = b""
        with contextlib.suppress(OSError):
            part = connection.recv(65536)
        if not part:
            self._selector.unregister(connection)
            connection.close()
            del received[connection]
            return
        request = received[connection] + part
        head, ended, body = request.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not ended or len(body) < (int(length[1]) if length else 0):
            received[connection] = request
            return
        now = time.perf_counter()
        received[connection] = b""
        with contextlib.suppress(OSError):
            connection.sendall(_ANSWER)
        self._note(body, now)

    def _note(self, body: bytes, now: float) -> None:
        found = self._pattern.search(body)
        if found:
            with self._change:
                self._arrived.setdefault(found[0], now)
                self._change.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.send(b"x")
        self._thread.join()
        for each in (self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()
