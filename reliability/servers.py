"""Real servers for tests and drivers: homes of their own, laid out and served as a user would, mail into a sink."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tocsin.demo.children import ChildError
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


def home_with_webhooks(
    path: Path, url: str, database_url: str | None = None, people: int = 1, release: Path | None = None
) -> Home:
    """A home in which every level is the same people, all on call at once and reached by nothing but a webhook.

    Args:
        path: where; made when it does not exist.
        url: everybody's webhook.
        database_url: an empty PostgreSQL database; None for SQLite in the home.
        people: how many a page of any level goes to.
        release: sources of an earlier release that lays it out and uses it; None for this one.

    Raises:
        ChildError: the procedures were not accepted; the message carries why.
    """
    settings = {"TOCSIN_DATABASE_URL": database_url} if database_url else {}
    home = lay_out(path, settings=settings | ({"PYTHONPATH": str(release)} if release else {}))
    names = [f"person{number}" for number in range(1, people + 1)]
    contact = {"channel": "webhook", "address": url}
    everybody = {
        "people": {
            name: {"name": name.title(), "contacts": [contact], "rules": [{"channel": "webhook"}]} for name in names
        },
        "schedules": {"everybody": {"people": names, "rotation": "always"}},
        "staffing": {level: ["everybody"] for level in range(1, 5)},
    }
    (home.path / "procedures" / "people.yaml").write_text(json.dumps(everybody))
    (home.path / "procedures" / "services.yaml").write_text(json.dumps({"services": {SERVICE: _SERVICE}}))
    done = home.cli("apply")
    if done.returncode != 0:
        raise ChildError(f"tocsin apply ended with {done.returncode}.\n{done.stderr}{done.stdout}")
    return home


_SERVICE = {"title": "Claudex", "team": "Claudex", "group_by": ["alertname"]}


def node(home: Home, sink: SmtpSink | None = None) -> TocsinServer:
    """A server on this home, not started yet; several on one home are nodes of one PostgreSQL."""
    return TocsinServer(home, service=SERVICE, sink=sink)
