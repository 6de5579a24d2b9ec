"""What a signal is called."""

from __future__ import annotations

import pytest

from tocsin.domain.alerts import Signal


@pytest.mark.parametrize(
    ("labels", "name"), [({"alertname": "ClaudexDown"}, "ClaudexDown"), ({}, "alert"), ({"alertname": ""}, "alert")]
)
def test_an_alert_without_a_name_is_an_alert(labels, name):
    assert Signal(labels, firing=True).name == name
