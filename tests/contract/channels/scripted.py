"""A server that does what a function says with each connection, for peers that no real server would play."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self


class Scripted:
    """Listens on loopback and hands each connection to a function, in a thread of its own.

    Args:
        script: talks; whatever OSError its connection ends in is how such scripts end.
    """

    def __init__(self, script: Callable[[socket.socket, threading.Event], None]) -> None:
        self.over = threading.Event()
        self.connections = 0
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self._script(connection, self.over)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listening.close()
        self._thread.join(timeout=10)


class Exchange:
    """A mail server's side of one conversation, line by line.

    Args:
        answers: what to say to a verb, in order; the last answer stays. "" stands for hanging up without a word.
        log: every line the client sends is added to it.
    """

    def __init__(self, answers: dict[str, list[str]], log: list[str] | None = None) -> None:
        self._answers = {"": ["220 here"], "DATA": ["354 go on"], ".": ["250 taken"], **answers}
        self._log = [] if log is None else log

    def __call__(self, connection: socket.socket, _over: threading.Event) -> None:
        with connection.makefile("rwb") as lines:
            talking, in_data = self._say(lines, ""), False
            while talking and (raw := lines.readline()):
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                self._log.append(line)
                if in_data and line != ".":
                    continue
                verb = line.split(" ")[0].upper()
                in_data = verb == "DATA"
                talking = self._say(lines, verb) and verb != "QUIT"

    def _say(self, lines, verb: str) -> bool:
        answers = self._answers.get(verb, ["250 fine"])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer:
            lines.write(answer.encode() + b"\r\n")
            lines.flush()
        return bool(answer)


def drip(connection: socket.socket, over: threading.Event, start: bytes = b"") -> None:
    """Say something every few milliseconds, and never finish."""
    connection.sendall(start)
    while not over.wait(0.02):
        connection.sendall(b"2")
