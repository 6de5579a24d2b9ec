"""What Alertmanager and Grafana send, read into signals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.domain.alerts import Signal
from tocsin.domain.errors import InvalidError
from tocsin.sources import REGISTRY, Parsed
from tocsin.sources.alertmanager import parse

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "sources"


def payload(*alerts, **more):
    return json.dumps({"version": "4", "status": "firing", "alerts": alerts, **more}).encode()


def test_the_registry_names_the_format():
    assert REGISTRY["alertmanager"] is parse


def test_a_firing_alert_carries_all_that_alertmanager_says():
    parsed = parse((SAMPLES / "alertmanager-firing.json").read_bytes())
    assert parsed == Parsed(
        signals=(
            Signal(
                labels={
                    "alertname": "InstanceDown",
                    "instance": "127.0.0.1:19999",
                    "job": "dead",
                    "service": "payments",
                    "severity": "critical",
                },
                firing=True,
                starts_at=datetime(2026, 11, 22, 21, 42, 14, 632000, tzinfo=UTC),
                ends_at=None,
                annotations={"summary": "127.0.0.1:19999 of dead is down", "description": "value 0"},
                link="http://127.0.0.1:19090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            ),
        ),
    )


def test_a_resolved_alert_does_not_fire_and_says_when_it_ended():
    (signal,) = parse((SAMPLES / "alertmanager-resolved.json").read_bytes()).signals
    assert not signal.firing
    # Go writes seven digits and more; the nearest microsecond is kept.
    assert signal.ends_at == datetime(2026, 11, 22, 21, 42, 59, 120243, tzinfo=UTC)


def test_grafana_sends_more_fields_and_its_own_zone_and_is_understood():
    (signal,) = parse((SAMPLES / "grafana-firing.json").read_bytes()).signals
    assert signal.name == "Disk läuft voll"
    assert signal.starts_at == datetime(2026, 11, 22, 21, 42, 14, 632000, tzinfo=UTC)
    assert signal.starts_at.utcoffset() == timedelta(0)


def test_a_payload_without_alerts_is_fine_and_says_nothing():
    assert parse(payload()) == parse(b'{"alerts":null}') == Parsed()


def test_the_version_is_not_asked_for_because_people_may_shape_the_payload():
    assert len(parse(b'{"alerts":[{"labels":{"alertname":"A"}}]}').signals) == 1


def test_an_alert_without_a_status_fires_because_one_page_too_many_is_better():
    (signal,) = parse(payload({"labels": {"alertname": "A"}})).signals
    assert signal.firing


def test_the_zero_time_means_no_time_in_any_zone():
    (signal,) = parse(
        payload({"labels": {"a": "b"}, "startsAt": "0001-01-01T00:00:00+14:00", "endsAt": "0001-01-01T00:00:00Z"})
    ).signals
    assert signal.starts_at is None
    assert signal.ends_at is None


def test_an_unknown_status_is_refused_with_its_name():
    (rejection,) = parse(payload({"labels": {"a": "b"}, "status": "suppressed"})).rejected
    assert "suppressed" in rejection.detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"alerts"',
        b'{"alerts":{}}',
        b'{"alerts":"none"}',
        b'{"alerts":[{"labels":{"a":"b"}}]',
        b'{"alerts":[{"labels":{"a":"b"}}]}}',
        b'{"alerts":[{"labels":{"a":"b}}]}',
        b'{"alerts":[{"labels":{"a":"b"}},]}',
        b"\xff\xfe{\x00}\x00",
        b"\x1f\x8b\x08\x00",
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'"' + b'\\"' * 500_000,
        b'{"alerts":[\xff' + b'{"labels":{"a":"b"}},' * 50_000 + b"{}]}",
    ],
)
def test_a_payload_whose_alerts_cannot_be_told_apart_is_refused_in_a_sentence(body):
    with pytest.raises(InvalidError) as caught:
        parse(body)
    assert "a list named alerts" in caught.value.detail
    assert len(caught.value.detail) < 500


def test_nesting_and_half_characters_beside_the_alerts_harm_nothing():
    damaged = b'{"deep":%s,"commonLabels":{"half":"\\ud800","raw":"\xff"},"alerts":[{"labels":{"alertname":"A"}}]}' % (
        b"[" * 5_000 + b"]" * 5_000
    )
    assert [signal.name for signal in parse(damaged).signals] == ["A"]
