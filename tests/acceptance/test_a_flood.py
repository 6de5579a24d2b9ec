"""A flood on a real server with a real mail server: docs/delivery-promise.md, "In a flood"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from ruamel.yaml import YAML

from reliability.books import waiting
from reliability.waiting import wait_until
from tocsin.demo.tocsin_server import TocsinServer

COUNT = 300
EVERY_S = 10


@pytest.fixture
def server(tocsin_home, sink):
    """`tocsin serve` with bundles every few seconds instead of every minute."""
    path, yaml = tocsin_home.path / "procedures" / "procedures.yaml", YAML()
    content = yaml.load(path)
    content["bundles"] = {"calm": 5, "wait": "2s", "every": f"{EVERY_S}s"}
    yaml.dump(content, path)
    assert tocsin_home.cli("apply").returncode == 0
    with TocsinServer(tocsin_home, service="claudex", sink=sink) as running:
        yield running


def fire(server, severity, names):
    started = datetime.now(UTC).isoformat()
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": name, "severity": severity},
            "annotations": {},
            "startsAt": started,
            "endsAt": "0001-01-01T00:00:00Z",
        }
        for name in names
    ]
    payload = {"version": "4", "status": "firing", "alerts": alerts}
    assert httpx.post(server.urls["alertmanager"], json=payload, trust_env=False, timeout=30).status_code == 202


def urgent(sink):
    """What wakes people, by recipient."""
    found = {}
    for mail in sink.messages:
        if mail.message["Importance"] == "high":
            found.setdefault(mail.recipients[0], []).append(mail)
    return found


def test_three_hundred_incidents_are_a_first_page_and_then_a_bundle_at_a_time(server, sink):
    """RULES.md *Who is told*; each page is in a message, one that was answered meanwhile in none."""
    signed_in = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=signed_in, trust_env=False, timeout=30) as client:
        fire(server, "warning", ["First"])
        sink.wait_for(lambda mail: "First" in mail.subject, 30)
        [person] = urgent(sink)
        for start in range(0, COUNT, 50):
            fire(server, "warning", [f"Flood{number}" for number in range(start, start + 50)])
        incidents = client.get("/api/v1/incidents", params={"limit": 1000}).json()["items"]
        answered = next(one["id"] for one in incidents if one["title"].startswith("Flood7:"))
        assert client.post(f"/api/v1/incidents/{answered}/acknowledge", json={}).status_code == 200
        fire(server, "error", ["Worse"])
        sink.wait_for(lambda mail: "Worse" in mail.subject and not mail.subject.endswith("more"), EVERY_S)
        wait_until(lambda: waiting(client) == 0, 60, "all pages have left")

    mine = urgent(sink)[person]
    first, worse, *bundles = mine
    assert "First" in first.subject
    assert "Worse" in worse.subject, "what is more severe overtakes"
    assert worse.received_at - first.received_at < timedelta(seconds=EVERY_S)
    assert all(
        later.received_at - earlier.received_at > timedelta(seconds=EVERY_S - 1)
        for earlier, later in pairwise(mine[1:])
    )
    assert 1 <= len(bundles) <= 2
    text = "".join(mail.text for mail in bundles)
    named = {one["id"] for one in incidents if one["title"].startswith("Flood") and f"{one['id']}" in text.split()}
    told = {one["id"] for one in incidents if f"[{one['id']}]" in text}
    assert len(named | told) == COUNT - 1
    assert answered not in named | told, "somebody has it"
