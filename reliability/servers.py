"""Real servers for tests and drivers: homes of their own, laid out and served as a user would, mail into a sink."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import Home, TocsinServer, lay_out

SERVICE = "claudex"
"""The service whose alerts are sent; the pack `claudex-windows` has it."""


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder below the system's temporary one, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tocsin-reliability-") as folder:
        yield Path(folder)


def home_with_mail(path: Path, sink: SmtpSink, database_url: str | None = None) -> Home:
    """A home laid out from the pack `claudex-windows`, whose mail goes to the sink.

    Args:
        path: where; made when it does not exist.
        sink: a mail server that listens already.
        database_url: an empty PostgreSQL database; None for SQLite in the home.

    Raises:
        ChildError: `tocsin init` failed; the message carries what it said.
    """
    settings: Mapping[str, str] = {"TOCSIN_DATABASE_URL": database_url} if database_url else {}
    return lay_out(path, values={"mail.host": "127.0.0.1", "mail.port": sink.port}, settings=settings)


def node(home: Home, sink: SmtpSink | None = None) -> TocsinServer:
    """A server on this home, not started yet; several on one home are nodes of one PostgreSQL."""
    return TocsinServer(home, service=SERVICE, sink=sink)
