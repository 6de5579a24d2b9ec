"""What Prometheus sends when it is pointed straight at us."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.domain.errors import InvalidError
from tocsin.sources import REGISTRY, Parsed
from tocsin.sources.prometheus import parse

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "sources"


def test_the_registry_names_the_format():
    assert REGISTRY["prometheus"] is parse


def test_an_alert_fires_and_carries_the_end_that_prometheus_promises():
    (signal,) = parse((SAMPLES / "prometheus-alerts.json").read_bytes()).signals
    assert signal.name == "InstanceDown"
    assert signal.firing
    assert signal.starts_at == datetime(2026, 11, 22, 22, 15, 8, 632000, tzinfo=UTC)
    assert signal.ends_at == datetime(2026, 11, 22, 22, 19, 8, 632000, tzinfo=UTC)
    assert signal.annotations == {"summary": "127.0.0.1:19999 of dead is down"}
    assert signal.link.startswith("http://vm:19090/graph")


def test_an_end_that_has_passed_is_left_for_the_clock_to_judge():
    (signal,) = parse(b'[{"labels":{"a":"b"},"endsAt":"1999-01-01T00:00:00Z"}]').signals
    assert signal.firing
    assert signal.ends_at == datetime(1999, 1, 1, tzinfo=UTC)


def test_an_empty_list_is_fine_and_says_nothing():
    assert parse(b"[]") == Parsed()


def test_a_status_object_as_alertmanagers_own_api_shows_it_is_not_read():
    (signal,) = parse(b'[{"labels":{"a":"b"},"status":{"state":"active"}}]').signals
    assert signal.firing


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"alerts":[]}', b"[{]", b"[" * 5_000, b"]"])
def test_anything_but_a_list_of_alerts_is_refused_in_a_sentence(body):
    with pytest.raises(InvalidError, match="a JSON list of objects with labels"):
        parse(body)
