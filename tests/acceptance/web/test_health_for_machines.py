from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from starlette.testclient import TestClient

from tocsin.application.breaker import Breaker, Leave
from tocsin.application.operations import Access
from tocsin.web.app import create_app

URL = "http://testserver"


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


FAULT = "The procedures directory is not valid: procedures.yaml:3:1: <who> is not known."


@pytest.fixture
def warned(house):
    """A server whose procedures directory is not valid."""
    web = create_app(house.app, house.intake, warnings=lambda: [FAULT, "Something else."])
    return replace(house, client=TestClient(web.asgi, base_url=URL, follow_redirects=False))


def test_a_broken_procedures_directory_is_a_warning_as_the_version_in_the_database_goes_on_paging(warned):
    answer = warned.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["reasons"] == []
    assert answer.json()["warnings"] == [FAULT, "Something else."]
    assert "tocsin_procedures_valid 0.0" in warned.client.get("/metrics").text.splitlines()


def test_a_valid_procedures_directory_warns_of_nothing(house):
    assert house.client.get("/readyz").json()["warnings"] == []
    assert "tocsin_procedures_valid 1.0" in house.client.get("/metrics").text.splitlines()


def test_an_admin_is_shown_the_first_fault_and_others_are_not(warned):
    shown = "procedures.yaml:3:1: &lt;who&gt; is not known."
    warned.sign_in(Access.ADMIN)
    for path in ("/", "/settings"):
        page = warned.client.get(path).text
        assert shown in page, path
        assert "Something else." not in page
    warned.sign_in(Access.COMMANDER)
    assert shown not in warned.client.get("/").text


def test_a_provider_that_refuses_everything_for_good_is_a_warning_and_holds_nothing_back(house):
    for _ in range(3):
        house.app.providers.note("sms", lambda it: it.refused_for_good(0.0, Leave.SEND, "401: Authenticate"))
    [warning] = house.client.get("/readyz").json()["warnings"]
    assert warning.startswith("sms has refused for good all of the last 3 messages")
    assert 'tocsin_provider_held_back{provider="sms"} 0.0' in house.client.get("/metrics").text.splitlines()


def test_a_provider_that_hangs_is_a_warning_and_a_figure(house):
    for _ in range(3):
        house.app.providers.note(
            "sms", partial(Breaker.failed, at=0.0, leave=Leave.SEND, seconds=8.0, said="no answer")
        )
    [warning] = house.client.get("/readyz").json()["warnings"]
    assert warning.startswith("sms has failed 3 times in a row and is slow about it")
    lines = house.client.get("/metrics").text.splitlines()
    assert 'tocsin_provider_held_back{provider="sms"} 1.0' in lines
    assert "tocsin_procedures_valid 1.0" in lines
    house.app.providers.note("sms", Breaker.taken)
    assert house.client.get("/readyz").json()["warnings"] == []
