"""One server for the tests of a module that leave it running: to lay out and start takes longer than what they do."""

from __future__ import annotations

import pytest

from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import TocsinServer, lay_out


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """As `server`, for the whole module; tests leave it running and find incidents of others in it."""
    folder = tmp_path_factory.mktemp("shared")
    with SmtpSink(folder / "mail") as sink:
        home = lay_out(folder / "home", values={"mail.host": "127.0.0.1", "mail.port": sink.port})
        with TocsinServer(home, service="claudex", sink=sink) as running:
            yield running
