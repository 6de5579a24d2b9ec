"""Connections that hang are cut: a server that was frozen or is out of reach answers nothing, not even that it is gone.

PostgreSQL's own timeouts need a server that runs, and TCP's need one that is off the net; this needs neither.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

_LOOK_EVERY_S = 0.25


class Overdue:
    """Shuts the socket of a connection whose transaction takes too long; whoever waits on it then hears that it broke.

    Args:
        within_s: seconds a transaction may take, its COMMIT included.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._since: dict[psycopg.Connection, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="tocsin-overdue", daemon=True).start()

    @contextmanager
    def watching(self, connection: psycopg.Connection) -> Iterator[None]:
        """Give the block its time; its connection must not be let go of within."""
        with self._lock:
            self._since[connection] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._since.pop(connection, None)

    def end(self) -> None:
        """Watch no longer than until the last block has ended."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.is_set() or self._since:
            time.sleep(_LOOK_EVERY_S)
            with self._lock:
                late = time.monotonic() - self._within_s
                for connection in [each for each, since in self._since.items() if since < late]:
                    del self._since[connection]
                    _cut(connection)


def _cut(connection: psycopg.Connection) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)
