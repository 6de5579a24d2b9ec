"""The systems under measurement: Tocsin as a user would serve it, and Debian's Alertmanager beside it."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.payloads import Door
from tocsin.demo.children import Child, free_port
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import Home, TocsinServer, lay_out

SERVICE = "app"
"""The service whose alerts are sent; the pack `generic` has it."""


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder below the system's temporary one, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def tocsin_home(database_url: str | None) -> Iterator[tuple[Home, SmtpSink]]:
    """A fresh home whose mail goes to a sink.

    Args:
        database_url: an empty PostgreSQL database; None for SQLite in the home.
    """
    settings = {"TOCSIN_DATABASE_URL": database_url} if database_url else {}
    with temporary_folder() as folder, SmtpSink() as sink:
        values = {"mail.host": "127.0.0.1", "mail.port": sink.port}
        yield lay_out(folder / "home", pack="generic", values=values, settings=settings), sink


@contextlib.contextmanager
def tocsin(database_url: str | None, prepare: Callable[[Home], None] | None = None) -> Iterator[TocsinServer]:
    """A served, ready Tocsin on a fresh home.

    Args:
        database_url: see `tocsin_home`.
        prepare: called with the home before it is served.
    """
    with tocsin_home(database_url) as (home, sink):
        if prepare is not None:
            prepare(home)
        with TocsinServer(home, service=SERVICE, sink=sink) as server:
            yield server


def tocsin_door(server: TocsinServer, *, webhook: bool) -> Door:
    """Where a served Tocsin takes alerts: Alertmanager's webhook, or the API that Prometheus posts to."""
    if webhook:
        return Door(server.port, urlsplit(server.urls["alertmanager"]).path, webhook=True)
    return Door(server.port, "/api/v2/alerts", key=server.key)


def peer_door(url: str) -> Door:
    """Where another system takes alerts; it speaks Alertmanager's API v2.

    Raises:
        ValueError: the address is not on loopback.
    """
    parts = urlsplit(url)
    if parts.hostname not in {"127.0.0.1", "localhost"} or parts.port is None:
        raise ValueError(f"{url} is not a loopback address with a port, such as http://127.0.0.1:9093.")
    return Door(parts.port, "/api/v2/alerts")


def alertmanager_program() -> str:
    """Path of Debian's Alertmanager.

    Raises:
        FileNotFoundError: it is not installed.
    """
    path = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if path is None:
        raise FileNotFoundError("There is no prometheus-alertmanager on this machine; install Debian's package.")
    return path


def alertmanager_argv(folder: Path, port: int, webhook_url: str | None = None) -> list[str]:
    """Command line of an Alertmanager on loopback, configured in `folder`.

    Args:
        folder: takes its configuration and data.
        port: its port.
        webhook_url: where it pages, with every wait tuned away; None for nowhere.
    """
    receiver = {"name": "all", "webhook_configs": [{"url": webhook_url}]} if webhook_url else {"name": "all"}
    route = {"receiver": "all", "group_by": ["alertname", "service"], "group_wait": "0s", "group_interval": "1m"}
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps({"route": route, "receivers": [receiver]}), encoding="utf-8")  # JSON is YAML
    return [
        alertmanager_program(),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]


@contextlib.contextmanager
def alertmanager(webhook_url: str | None = None) -> Iterator[str]:
    """A ready Alertmanager of our own. Yields its URL."""
    with temporary_folder() as folder:
        port = free_port()
        with Child(alertmanager_argv(folder, port, webhook_url), log=folder / "log") as child:
            child.wait_until_ready(f"http://127.0.0.1:{port}/-/ready")
            yield f"http://127.0.0.1:{port}"
