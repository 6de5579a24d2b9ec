"""R18 and the delivery promise, at the door: a 2xx is on disk, and what cannot be read is refused with a reason."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples" / "sources"
MIB = 1024 * 1024


def alert(name="ClaudexDown", severity="critical", **more):
    return {
        "status": "firing",
        "labels": {"alertname": name, "severity": severity, "service": "claudex"},
        "annotations": {"summary": "it does not answer"},
        "startsAt": "2026-01-05T09:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        **more,
    }


def webhook(*alerts):
    return {"version": "4", "alerts": list(alerts)}


@pytest.fixture
def send(house):
    def send(body, path="alertmanager", **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return house.client.post(f"/ingest/{house.key}/{path}", content=content, headers=headers)

    return send


def titles(house):
    return sorted(item["title"] for item in house.ask("list")["items"])


def test_a_webhook_becomes_an_incident_before_it_is_answered(house, send):
    answer = send(webhook(alert(), alert("HighErrorRate", "warning")))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "rejected": []})
    assert titles(house) == ["ClaudexDown: it does not answer", "HighErrorRate: it does not answer"]


@pytest.mark.parametrize("how", ["bearer", "basic", "basic-name-only"])
@pytest.mark.parametrize("path", ["/ingest/-/alertmanager", "/api/v2/alerts", "/ingest/-/prometheus/api/v2/alerts"])
def test_the_key_is_taken_from_the_header_too(house, how, path):
    value = {
        "bearer": f"Bearer {house.key}",
        "basic": "Basic " + base64.b64encode(f"prometheus:{house.key}".encode()).decode(),
        "basic-name-only": "Basic " + base64.b64encode(f"{house.key}:".encode()).decode(),
    }[how]
    body = webhook(alert()) if path.endswith("alertmanager") else [alert()]
    answer = house.client.post(path, json=body, headers={"Authorization": value})
    assert answer.json() == {"accepted": 1, "rejected": []}


def test_prometheus_can_send_below_a_path_prefix(house):
    answer = house.client.post(f"/ingest/{house.key}/prometheus/api/v2/alerts", json=[alert()])
    assert answer.json() == {"accepted": 1, "rejected": []}


def test_an_empty_list_is_nothing_to_complain_about(send):
    assert send(webhook()).json() == {"accepted": 0, "rejected": []}


def test_a_revoked_key_opens_no_door(house):
    integration = house.ask("integration-list")["items"][0]["id"]
    house.ask("integration-revoke", path={"integration": integration})
    answer = house.client.post(f"/ingest/{house.key}/alertmanager", json=webhook(alert()))
    assert answer.status_code == 401


def test_valid_siblings_of_a_broken_alert_are_kept_and_the_people_on_call_hear_of_the_others(house, send):
    broken = {"labels": {"alertname": "Nul", "text": "a\0b"}}
    answer = send(webhook(alert(), broken, alert("HighErrorRate"), {"labels": 5}, None))
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [one["index"] for one in answer.json()["rejected"]] == [1, 3, 4]
    refused, *kept = titles(house)
    assert refused.startswith("Alerts from alertmanager are being refused: 3 of 5")
    assert kept == ["ClaudexDown: it does not answer", "HighErrorRate: it does not answer"]


def test_a_format_there_is_not_loses_alerts_so_somebody_hears_of_it(house, send):
    assert send(webhook(alert()), "alertmanger").status_code == 404
    assert titles(house)[0].startswith("Alerts from alertmanager are being refused: There is no format 'alertmanger'")


DEEP = b"[" * 5000 + b"]" * 5000
MALFORMED = {
    "bad JSON": (b"{", 400),
    "empty": (b"", 400),
    "not an object": (b"[]", 400),
    "no alerts": (b'{"version": "4"}', 400),
    "alerts of the wrong type": (b'{"alerts": 5}', 400),
    "not UTF-8": (b'{"alerts": [{"labels": {"alertname": "\xff"}}]}', 422),
    "5,000 levels deep": (b'{"alerts": ' + DEEP + b"}", 422),
    "an alert 5,000 levels deep": (b'{"alerts": [{"labels": {"alertname": "x"}, "annotations": ' + DEEP + b"}]}", 422),
    "NUL": (b'{"alerts": [{"labels": {"alertname": "a\\u0000b"}}]}', 422),
    "half a surrogate": (b'{"alerts": [{"labels": {"alertname": "\\ud800"}}]}', 422),
    "labels of the wrong type": (b'{"alerts": [{"labels": {"alertname": 5}}]}', 422),
    "10 MB": (b'{"alerts": ["' + b"x" * 10_000_000 + b'"]}', 413),
}


@pytest.mark.parametrize(("body", "status"), MALFORMED.values(), ids=MALFORMED)
def test_a_payload_without_one_good_alert_is_refused_and_pages_the_people_on_call(house, send, body, status):
    answer = send(body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["detail"]
    (incident,) = house.ask("list")["items"]
    assert incident["title"].startswith("Alerts from alertmanager are being refused")
    assert incident["pages"] > 0


@pytest.mark.parametrize("announced", [True, False])
def test_ten_megabytes_over_a_socket_are_answered_not_cut_off(served, announced):
    body = b"x" * 10_000_000
    content = body if announced else iter([body[:MIB]] * 10)
    answer = served.client.post(f"/ingest/{served.key}/alertmanager", content=content)
    assert answer.status_code == 413
    assert served.client.get("/healthz").status_code == 200


def test_refusals_of_one_sender_page_once_in_ten_minutes(house, send):
    for _ in range(3):
        assert send(b"{").status_code == 400
    assert len(titles(house)) == 1


def test_a_length_that_lies_is_found_out_while_reading(house):
    def endless():
        for _ in range(9):
            yield b" " * MIB

    answer = house.client.post(f"/ingest/{house.key}/alertmanager", content=endless())
    assert answer.status_code == 413


def test_doors_answer_posts_only_and_know_their_formats(house, send):
    answer = house.client.get(f"/ingest/{house.key}/alertmanager")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = send(webhook(alert()), "nonsense")
    assert answer.status_code == 404
    assert "alertmanager, prometheus" in answer.json()["detail"]
    assert house.client.post("/ingest/nothing", json=[]).status_code == 401


def test_what_cannot_be_stored_is_503_never_429_and_never_2xx(house, send):
    assert send(webhook(alert())).status_code == 202
    house.unplug()
    answer = send(webhook(alert("Another")))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert send(b"{").status_code == 503, "a refusal that nobody hears of is to be sent again, too"


def test_a_server_that_stops_says_503(house, send):
    house.intake.stop()
    assert send(webhook(alert())).status_code == 503


@pytest.mark.parametrize("sample", ["alertmanager-firing.json", "grafana-firing.json"])
def test_what_real_senders_send_is_taken_whole(send, sample):
    answer = send((SAMPLES / sample).read_bytes())
    assert answer.status_code == 202
    assert answer.json()["rejected"] == []
    assert answer.json()["accepted"] > 0
