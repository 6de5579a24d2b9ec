"""A real server for every acceptance test that asks for one: own home, own port, own mail sink, ended afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import Home, TocsinServer, lay_out


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    """A mail server on loopback that keeps what it gets."""
    with SmtpSink(tmp_path / "mail") as listening:
        yield listening


@pytest.fixture
def tocsin_home(tmp_path: Path, sink: SmtpSink) -> Home:
    """A home laid out from the claudex-windows pack (`path`, `env`, `token`) whose mail goes to the sink."""
    return lay_out(tmp_path / "home", pack="claudex-windows", values={"mail.host": "127.0.0.1", "mail.port": sink.port})


@pytest.fixture
def server(tocsin_home: Home, sink: SmtpSink) -> Iterator[TocsinServer]:
    """`tocsin serve`, ready, with an integration for the service claudex.

    Attributes: url, home, env, token, key, urls, sink, process; methods: cli(*args), start, stop, kill.
    """
    with TocsinServer(tocsin_home, service="claudex", sink=sink) as running:
        yield running
