"""`tocsin serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.asking import settings
from tocsin.cli.backend import laid_out, wait_for_home
from tocsin.cli.home_lock import HomeLock, RunningServer, forget_server, take_lock
from tocsin.cli.options import Json
from tocsin.cli.printing import print_json, print_lines
from tocsin.domain.errors import NotAllowedNowError
from tocsin.settings import Settings

if TYPE_CHECKING:
    from tocsin.node import Node

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")]
Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="TCP port; 0 picks a free one.")]


def serve(*, host: Host = "127.0.0.1", port: Port = 8080, as_json: Json = False) -> None:
    """Run API, web pages and engine in one process.

    It ends in order on SIGTERM or Ctrl-C: what is being sent is finished first. On SQLite one server runs in a home.

    Example: tocsin serve --host 0.0.0.0 --port 8080
    """
    here = settings()
    laid_out(here)
    here.make_home()
    # The server's libraries are loaded by this verb alone, and only here.
    from tocsin.cli.logs import start_logging
    from tocsin.node import running
    from tocsin.web.server import listen, url_of
    from tocsin.web.server import serve as serve_web

    start_logging(here)
    with (
        _alone(here) as lock,
        listen(host, port) as listening,
        running(here, url := url_of(listening)) as node,
        _noted(here, lock is not None),
    ):
        serve_web(
            node.app,
            node.intake,
            listening,
            troubles=node.troubles,
            warnings=partial(_warnings, node, here),
            trusted_proxies=here.trusted_proxies,
            ready=_announce(here, node, url, noted=lock is not None, as_json=as_json),
        )


def _alone(here: Settings) -> HomeLock | nullcontext[None]:
    """The home's lock. On PostgreSQL nodes may share a home: the first one has the lock, and the command line's ear."""
    if not here.is_sqlite:
        return take_lock(here) or nullcontext()
    found = wait_for_home(here)
    if isinstance(found, HomeLock):
        return found
    raise NotAllowedNowError(
        f"A server runs in this home already, at {found.url} (process {found.pid}); nothing was started. "
        "Stop that one first, or set TOCSIN_HOME to another home."
    )


@contextmanager
def _noted(here: Settings, noted: bool) -> Iterator[None]:
    if noted:
        forget_server(here)  # one that crashed may have left its note
    try:
        yield
    finally:
        if noted:
            forget_server(here)


def _announce(here: Settings, node: Node, url: str, *, noted: bool, as_json: bool) -> Callable[[], None]:
    from tocsin.cli.local_token import local_token

    token = local_token(node.app, here) if noted else ""

    def announce() -> None:
        if noted:
            RunningServer(url, token, os.getpid()).write(here)
        if as_json:
            print_json({"url": url, "pid": os.getpid()})
        else:
            print_lines([f"Tocsin serves at {url}. Ctrl-C ends it in order."])
        sys.stdout.flush()

    return announce


def _warnings(node: Node, here: Settings) -> Iterator[str]:
    """What is wrong with the procedures directory; pages go out by the version that the database has."""
    if node.watcher is None or not node.watcher.faults:
        return
    if here.procedures.is_dir():
        yield f"The procedures directory is not valid, the last good version is in force: {node.watcher.faults[0]}"
    else:
        yield (
            f"There is no procedures directory {here.procedures}; the version in the database is in force. Put your "
            "copy of it back, or lay one out with 'tocsin init' in another home (TOCSIN_HOME) and move it there."
        )
