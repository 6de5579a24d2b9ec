"""One writer per home: the file lock that `serve` holds, and the note it leaves for the command line.

The system lets go of the lock when its holder ends, however it ends; so a lock that is held means a process that lives,
and a `run/server.json` beside a free lock is left over from a crash.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tocsin.settings import Settings

_CONNECT_WITHIN = 1.0


class HomeLock:
    """An exclusive lock on `$TOCSIN_HOME/lock`; use it as a context manager, leaving lets go.

    Args:
        path: the lock file; created 0600 and never removed, because removing it would let two hold "the" lock.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.held = _lock(self._descriptor)
        if self.held:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())
        else:
            os.close(self._descriptor)

    def release(self) -> None:
        """Let go; more than once does no harm."""
        if self.held:
            self.held = False
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take_lock(settings: Settings) -> HomeLock | None:
    """Take the home's lock without waiting; None when another process has it."""
    lock = HomeLock(settings.home / "lock")
    return lock if lock.held else None


def holder(settings: Settings) -> str:
    """Who has the lock, for a sentence: "process 4711", or "another process" when that is not known."""
    try:
        number = (settings.home / "lock").read_text(encoding="utf-8").strip()
    except OSError:
        number = ""
    return f"process {number}" if number.isdigit() else "another process"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What `run/server.json` says.

    Args:
        url: loopback address without a trailing slash.
        token: what the command line shows to it.
        pid: the system's number for the process.
    """

    url: str
    token: str = field(repr=False)
    pid: int = 0

    def write(self, settings: Settings) -> None:
        """Leave the note for the command line, readable for the owner alone, whole or not at all."""
        note = json.dumps({"url": self.url, "token": self.token, "pid": self.pid})
        fresh = _note(settings).with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(note)
        fresh.replace(_note(settings))

    def answers(self) -> bool:
        """Whether its process lives and something listens at its address."""
        return _lives(self.pid) and _listens(self.url)


def read_server(settings: Settings) -> RunningServer | None:
    """The server that says it runs in this home; None when none does. It may have crashed since: ask `answers()`."""
    try:
        note = json.loads(_note(settings).read_text(encoding="utf-8"))
        return RunningServer(url=str(note["url"]), token=str(note["token"]), pid=int(note["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a note that cannot be read leads nowhere, as none does


def forget_server(settings: Settings) -> None:
    """Remove the note."""
    _note(settings).unlink(missing_ok=True)


def _note(settings: Settings) -> Path:
    return settings.home / "run" / "server.json"


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_CONNECT_WITHIN):
            return True
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _lives(pid: int) -> bool:
        return pid > 0  # asking by signal would end the process on this system; the open port has to do

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _lives(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        return pid > 0
