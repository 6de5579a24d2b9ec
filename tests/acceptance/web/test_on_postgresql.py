"""The same doors and rooms over PostgreSQL, and what they say while it is gone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tocsin.application.catalogue import OPERATIONS
from tocsin.application.intake import Intake
from tocsin.application.operations import Access
from tocsin.bootstrap import open_application
from tocsin.domain.events import Actor
from tocsin.procedures import packs
from tocsin.procedures.loader import document
from tocsin.settings import Settings
from tocsin.web.app import create_app

SETUP = Actor("person:operator", "local")
ALERT = {"alerts": [{"labels": {"alertname": "ClaudexDown", "severity": "critical"}}]}


@pytest.fixture
def away(own_postgres, tmp_path: Path):
    """A client, a door's path, and a database that can be taken away."""
    packs.lay_out("claudex-windows", tmp_path / "procedures", dict(packs.defaults()))
    sealed = document(tmp_path / "procedures")
    environ = {"TOCSIN_HOME": str(tmp_path), "TOCSIN_DATABASE_URL": own_postgres.url}
    with open_application(Settings.from_environment(environ)) as app:

        def ask(name, /, **facts):
            return OPERATIONS[name].run(app, SETUP, OPERATIONS[name].body(**facts))

        ask("apply", data=sealed.data, version=sealed.version)
        token = ask("token-create", role=Access.ADMIN)["token"]
        key = ask("integration-add", name="alertmanager", service="claudex")["key"]
        intake = Intake(app)
        intake.start()
        try:
            with TestClient(create_app(app, intake).asgi, follow_redirects=False) as client:
                client.headers["Authorization"] = f"Bearer {token}"
                yield client, f"/ingest/{key}/alertmanager", own_postgres
        finally:
            intake.stop()


def test_a_life_from_the_door_to_the_resolution_and_its_absence_in_between(away):
    client, door, database = away
    assert client.post(door, json=ALERT).json() == {"accepted": 1, "rejected": []}
    once = {"json": {"text": "looking"}, "headers": {"Idempotency-Key": "once"}}
    first, again = (client.post("/api/v1/incidents/last/note", **once) for _ in range(2))
    assert (first.status_code, again.headers.get("idempotency-replayed")) == (200, "true")

    database.stop()
    assert client.post(door, json=ALERT).status_code == 503
    not_ready = client.get("/readyz")
    assert (not_ready.status_code, "cannot be reached" in not_ready.json()["reasons"][0]) == (503, True)
    assert client.get("/healthz").status_code == 200

    database.start()
    deadline = time.monotonic() + 20
    while (answer := client.post(door, json=ALERT)).status_code == 503:
        assert time.monotonic() < deadline, "it does not recover by itself"
    assert answer.status_code == 202
    resolved = client.post("/api/v1/incidents/last/resolve", json={"why": "over"})
    assert resolved.json()["status"] == "RESOLVED"
    assert client.get("/api/v1/incidents/last/timeline?verify=true").json()["verified"] is True
