"""Several nodes on one PostgreSQL: equal servers, even in one home, and workers that only page."""

from __future__ import annotations

import json
import sys

from tocsin.demo.children import Child
from tocsin.demo.tocsin_server import TocsinServer, lay_out


def test_a_worker_pages_for_whoever_declares(postgres_database, sink, tmp_path):
    """INTERFACE.md *Commands*: `worker` is the engine only, more nodes on PostgreSQL."""
    home = lay_out(
        tmp_path / "home",
        values={"mail.host": "127.0.0.1", "mail.port": sink.port},
        settings={"TOCSIN_DATABASE_URL": postgres_database},
    )
    with Child([sys.executable, "-m", "tocsin", "worker"], log=tmp_path / "worker.log", env=home.env) as worker:
        declared = home.cli("declare", "Nobody can log in", "--severity", "critical", "--json")
        incident = json.loads(declared.stdout)["id"]
        assert sink.wait_for(lambda mail: "/a/" in mail.text, timeout=30).subject.endswith(f"[{incident}]")
        assert worker.stop() == 0
    assert "The engine runs as" in (tmp_path / "worker.log").read_text()

    with TocsinServer(home, service="claudex", sink=sink) as first:
        second = TocsinServer(home, service="claudex", sink=sink)
        second.launch()
        try:
            second.wait_until_ready()
            said = json.loads((home.path / "run" / "server.json").read_text())
            assert said["url"] == first.url  # the second neither takes the note over nor removes it
        finally:
            assert second.stop() == 0
        assert json.loads((home.path / "run" / "server.json").read_text()) == said
