"""Where a command is carried out: at a server that was named, at the one running in this home, or here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from tocsin.cli.home_lock import HomeLock, RunningServer, holder, read_server, take_lock
from tocsin.domain.errors import NotAllowedNowError, NotFoundError, UnavailableError
from tocsin.settings import Settings

PATIENCE = 10.0
"""Seconds to wait for a home that another command is using, or whose server is just starting."""

_LOOK_EVERY = 0.05


class Backend(Protocol):
    """Something that carries out operations of the catalogue.

    Attributes:
        remark: what a person should know about where it happened; "" is nothing.
    """

    remark: str

    def call(self, operation: str, body: Mapping[str, Any], /, **path: str) -> dict[str, Any]:
        """Carry out one operation.

        Args:
            operation: its name in `OPERATIONS`.
            body: its facts; None stands for one that was not given.
            path: the parameters in its path, such as `incident`.

        Returns:
            JSON-ready data.

        Raises:
            TocsinError: it was not done, or nobody could be asked.
        """
        ...

    def close(self) -> None:
        """Let go of what was opened."""
        ...


@contextmanager
def open_backend(settings: Settings, person: str = "", *, patience: float = PATIENCE) -> Iterator[Backend]:
    """Find out where commands go, in the order of INTERFACE.md *Settings*.

    Args:
        settings: where the home is, and the server if one was named.
        person: who acts (`--as`); "" is whoever this is.
        patience: seconds to wait for a busy home.

    Raises:
        NotFoundError: the home has not been laid out.
        UnavailableError: the home stayed busy and no server answered in it.
    """
    backend = _choose(settings, person, patience)
    try:
        yield backend
    finally:
        backend.close()


def _choose(settings: Settings, person: str, patience: float) -> Backend:
    if settings.url:
        return _http(settings.url, settings.token, person, direct=False)
    server = read_server(settings)
    if server is not None and server.answers():
        return _http(server.url, server.token, person, direct=True)
    return _local(settings, person, patience)


def _local(settings: Settings, person: str, patience: float) -> Backend:
    from tocsin.cli.local_backend import LocalBackend

    laid_out(settings)
    settings.make_home()
    if not settings.is_sqlite:
        return LocalBackend(settings, person, lock=None)
    found = wait_for_home(settings, patience)
    if isinstance(found, HomeLock):
        return LocalBackend(settings, person, lock=found)
    return _http(found.url, found.token, person, direct=True)


def wait_for_home(settings: Settings, patience: float = PATIENCE) -> HomeLock | RunningServer:
    """The home's lock, or the server that has it; another command that has it is waited for.

    Args:
        settings: which home.
        patience: seconds to wait.

    Raises:
        UnavailableError: the home stayed busy and no server answered in it.
    """
    deadline = time.monotonic() + patience
    while True:
        lock = take_lock(settings)
        if lock is not None:
            return lock
        server = read_server(settings)
        if server is not None and server.answers():
            return server
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"The home {settings.home} is in use by {holder(settings)} and no server answers in it, so nothing was "
                "changed. Try again in a moment."
            )
        time.sleep(_LOOK_EVERY)


def laid_out(settings: Settings) -> None:
    """Refuse a home that nobody has laid out; what is behind a database's address shows when it is opened.

    Raises:
        NotFoundError: there is no database in it.
    """
    if settings.is_sqlite and not settings.database_file.exists():
        raise NotFoundError(
            f"There is no Tocsin in {settings.home} yet. Lay it out with 'tocsin init', or set TOCSIN_HOME."
        )


def sole_user(settings: Settings) -> HomeLock:
    """The home's lock, for what cannot be done while anybody else uses the home.

    Raises:
        NotAllowedNowError: somebody does.
    """
    lock = take_lock(settings)
    if lock is None:
        raise NotAllowedNowError(
            f"The home {settings.home} is in use by {holder(settings)}, so nothing was changed. Stop it first."
        )
    return lock


def _http(url: str, token: str, person: str, *, direct: bool) -> Backend:
    from tocsin.cli.http_backend import HttpBackend

    return HttpBackend(url, token, person=person, direct=direct)
