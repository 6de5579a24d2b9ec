from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tocsin.web.app import create_app


def test_a_process_that_answers_is_alive_whatever_else_is_wrong(house):
    house.unplug()
    assert house.client.get("/healthz").json() == {"status": "ok"}


def test_ready_says_how_far_the_engine_is_behind(house):
    answer = house.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["reasons"] == []
    assert answer.json()["engine_lag_seconds"] >= 0


def test_ready_names_every_reason_why_not(house):
    web = create_app(house.app, house.intake, lambda: ["The clock was set back by an hour."])
    client = TestClient(web.asgi)
    house.unplug()
    house.intake.stop()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == [
        "The clock was set back by an hour.",
        "The server is shutting down.",
        "The database is out of reach. Nothing was changed.",
    ]


def test_ready_says_so_when_what_is_due_is_not_being_sent(house, monkeypatch):
    house.declared()
    later = house.app.database.now().timestamp() + 3600
    real = house.app.database.now
    monkeypatch.setattr(house.app.database, "now", lambda: real().fromtimestamp(later, real().tzinfo))
    answer = house.client.get("/readyz")
    assert answer.status_code == 503
    assert "behind" in answer.json()["reasons"][0]


def test_metrics_count_incidents_pages_and_accepted_alerts(house):
    house.declared()
    body = {"alerts": [{"labels": {"alertname": "ClaudexDown"}}, {"labels": {"alertname": "B"}}]}
    assert house.client.post(f"/ingest/{house.key}/alertmanager", json=body).status_code == 202
    for _ in range(2):
        lines = house.client.get("/metrics").text.splitlines()
    assert "tocsin_ingest_accepted_alerts_total 2.0" in lines
    assert 'tocsin_incidents{status="INVESTIGATING"} 3.0' in lines
    assert 'tocsin_incidents{status="RESOLVED"} 0.0' in lines
    assert "tocsin_database_up 1.0" in lines
    assert any(line.startswith('tocsin_pages{state="planned"}') for line in lines)
    assert any(line.startswith("tocsin_engine_lag_seconds ") for line in lines)


def test_metrics_answer_without_the_database(house):
    house.unplug()
    answer = house.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "tocsin_database_up 0.0" in answer.text.splitlines()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_head_is_answered_too(house, path):
    assert house.client.head(path).status_code == 200
