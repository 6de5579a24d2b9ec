"""Which service an alert is about."""

from __future__ import annotations

import pytest

from tests.unit.domain.promised import POLICY
from tocsin.domain.alerts import Grouping
from tocsin.domain.procedures import Procedures, Service, Site

SERVICES = {name: Service(name, name.title(), Grouping(name), {}) for name in ("claudex", "billing")}
PROCEDURES = Procedures("v1", POLICY, SERVICES, {}, {}, Site())


@pytest.mark.parametrize(
    ("label", "own", "found"),
    [
        ("billing", "claudex", "billing"),
        ("unknown", "billing", "billing"),
        (None, "billing", "billing"),
        ("", "gone", "claudex"),
    ],
)
def test_an_unknown_service_label_falls_to_the_integrations_own_service(label, own, found):
    """RULES.md *Alerts into incidents*; when that one is gone too, to the first there is."""
    assert PROCEDURES.service(label, own).id == found
