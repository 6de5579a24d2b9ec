"""A load generator that costs little, because it shares the machine with what it measures.

Blocking sockets, one thread, one request in flight per connection, connections kept open, requests built by filling
numbers into ready-made bytes. It counts a request only when a 2xx came back.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

CONNECTIONS = 12
PATIENCE = 10.0
"""Seconds without any answer after which a run is given up."""


class LoadError(Exception):
    """The system under load stopped answering."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run achieved.

    Args:
        accepted: requests answered with a 2xx.
        refused: requests answered with anything else.
        lost: connections that broke while a request was out.
        seconds: from the first request to the last answer.
        cpu_seconds: processor time of the generator itself.
        waits: seconds each accepted request took, sorted.
    """

    accepted: int
    refused: int
    lost: int
    seconds: float
    cpu_seconds: float
    waits: list[float] = field(repr=False)

    def wait_ms(self, share: float) -> float:
        """The time in ms within which this share (0 to 1) of the accepted requests was answered."""
        if not self.waits:
            return 0.0
        return round(self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))] * 1000, 2)


class Connection:
    """One kept-open connection to a loopback port, with at most one request in flight."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent_at = 0.0
        self._received = b""
        self.socket = self._open()

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(None)  # a Python timeout would cost one more system call each time; the kernel's costs none
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            opened.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(PATIENCE), 0))
        return opened

    def send(self, request: bytes) -> None:
        """Put one request on the wire; a broken connection shows when its answer is read."""
        self.sent_at = time.perf_counter()
        with contextlib.suppress(OSError):
            self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read what is there. Returns the status of a complete answer, 0 for a broken connection, None for not yet."""
        try:
            part = self.socket.recv(65536)
        except OSError:
            return 0
        if not part:
            return 0
        self._received += part
        if not is_complete(self._received):
            return None
        status = int(self._received[9:12])
        self._received = b""
        return status

    def ask(self, request: bytes) -> int:
        """Send one request and wait for its answer. Returns the status, 0 for a broken connection."""
        self.send(request)
        while (status := self.receive()) is None:
            pass
        return status

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def is_complete(answer: bytes) -> bool:
    """Whether these bytes are one whole HTTP/1.1 answer."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    at = head.find(b"content-length:")
    if at >= 0:
        line_end = head.find(b"\r\n", at)
        return len(answer) - end - 4 >= int(head[at + 15 : line_end if line_end >= 0 else end])
    return b"transfer-encoding: chunked" not in head or answer.endswith(b"0\r\n\r\n")


def drive(
    port: int, requests: Iterator[bytes], *, seconds: float, limit: int, connections: int = CONNECTIONS
) -> Outcome:
    """Send requests as fast as they are answered, for a time.

    Args:
        port: loopback port of the system under load.
        requests: complete HTTP requests, taken as needed.
        seconds: no request is sent after this long.
        limit: no more requests than this are sent.
        connections: how many are in flight at once.

    Raises:
        LoadError: nothing was answered for `PATIENCE` seconds, or no connection could be made.
    """
    run = _Run(port, requests, seconds, limit)
    try:
        return run.to_its_end(connections)
    except ConnectionError as error:
        raise LoadError(f"Port {port} takes no connections: {error}.") from error
    finally:
        run.close()


class _Run:
    def __init__(self, port: int, requests: Iterator[bytes], seconds: float, limit: int) -> None:
        self._port, self._requests, self._seconds, self._left = port, requests, seconds, limit
        self._selector = selectors.DefaultSelector()
        self._ends_at = 0.0
        self._waits: list[float] = []
        self._refused = self._lost = 0

    def to_its_end(self, connections: int) -> Outcome:
        opened = [Connection(self._port) for _ in range(connections)]
        cpu, began = time.process_time(), time.perf_counter()
        self._ends_at = began + self._seconds
        for connection in opened:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._send_next(connection)
        while self._selector.get_map():
            ready = self._selector.select(PATIENCE)
            if not ready:
                raise LoadError(f"Port {self._port} answered nothing for {PATIENCE:g} s; the run was given up.")
            for key, _ in ready:
                self._take_answer(key.data)
        elapsed, used = time.perf_counter() - began, time.process_time() - cpu
        return Outcome(len(self._waits), self._refused, self._lost, elapsed, used, sorted(self._waits))

    def _take_answer(self, connection: Connection) -> None:
        status = connection.receive()
        if status is None:
            return
        if status == 0:
            self._lost += 1
            self._drop(connection)
            if time.perf_counter() < self._ends_at and self._left > 0:
                fresh = Connection(self._port)
                self._selector.register(fresh.socket, selectors.EVENT_READ, fresh)
                self._send_next(fresh)
            return
        if 200 <= status < 300:
            self._waits.append(time.perf_counter() - connection.sent_at)
        else:
            self._refused += 1
        self._send_next(connection)

    def _send_next(self, connection: Connection) -> None:
        request = next(self._requests, None) if self._left > 0 and time.perf_counter() < self._ends_at else None
        if request is None:
            self._drop(connection)
            return
        self._left -= 1
        connection.send(request)

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.close()

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._drop(key.data)
        self._selector.close()
