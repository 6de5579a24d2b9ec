"""Servers whose pages go to webhooks: those are sent one by one, so that each can be counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reliability import servers
from reliability.arrivals import Arrivals
from tocsin.demo.tocsin_server import TocsinServer


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    """The far side of everybody's webhook."""
    with Arrivals() as listening:
        yield listening


@pytest.fixture
def pager(arrivals: Arrivals, tmp_path: Path) -> Iterator[TocsinServer]:
    """`tocsin serve` on SQLite, ready, all of whose pages go to `arrivals`."""
    with servers.node(servers.home_with_webhooks(tmp_path / "home", arrivals.url)) as running:
        yield running
