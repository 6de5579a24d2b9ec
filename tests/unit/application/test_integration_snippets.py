"""What `tocsin integrations add` prints is pasted into a monitoring system as it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ruamel.yaml import YAML

from tocsin.application.records import Integration
from tocsin.application.views import integration_view

MONITOR = Integration("int-1", "prometheus-eu", "the-key", "claudex", datetime(2026, 11, 19, 14, tzinfo=UTC))


def snippet(name, base_url):
    return YAML(typ="safe").load(integration_view(MONITOR, base_url)["snippets"][name])


def test_alertmanager_is_given_the_whole_address_with_the_key():
    [receiver] = snippet("alertmanager.yml", "https://tocsin.example.org")["receivers"]
    [webhook] = receiver["webhook_configs"]
    assert webhook == {"url": "https://tocsin.example.org/ingest/the-key/alertmanager", "send_resolved": True}


@pytest.mark.parametrize(
    ("base_url", "scheme", "target"),
    [
        ("https://tocsin.example.org", "https", "tocsin.example.org"),
        ("http://127.0.0.1:8080", "http", "127.0.0.1:8080"),
    ],
)
def test_prometheus_is_told_the_scheme_because_it_would_take_http(base_url, scheme, target):
    [sender] = snippet("prometheus.yml", base_url)["alerting"]["alertmanagers"]
    assert sender == {
        "scheme": scheme,
        "api_version": "v2",
        "authorization": {"credentials": "the-key"},
        "static_configs": [{"targets": [target]}],
    }
