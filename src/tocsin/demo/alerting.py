"""What Alertmanager would send about the product: webhook version 4, written from the product's own metrics."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from tocsin.demo.product import Product

ALERT = "ConfigurationInvalid"
_NO_END = "0001-01-01T00:00:00Z"
"""Go's zero time: no end is known."""


class AlertRule:
    """The rule `claudex_config_valid == 0` over one product, and the webhook it makes Alertmanager send.

    Args:
        product: what is watched.
        service: the service's name, as a label.
    """

    def __init__(self, product: Product, service: str) -> None:
        self._product = product
        self._starts_at: datetime | None = None
        self._labels = {
            "alertname": ALERT,
            "instance": product.url.removeprefix("http://"),
            "job": service,
            "service": service,
            "severity": "critical",
        }

    def webhook(self) -> dict[str, Any]:
        """The payload for what the metrics say at this moment: firing, or resolved if it fired before."""
        now = datetime.now(UTC)
        firing = self._product.config_valid() == 0
        self._starts_at = self._starts_at or now
        status = "firing" if firing else "resolved"
        annotations = {"summary": "claudex refuses its configuration"}
        alert = {
            "status": status,
            "labels": self._labels,
            "annotations": annotations,
            "startsAt": _stamp(self._starts_at),
            "endsAt": _NO_END if firing else _stamp(now),
            "generatorURL": f"{self._product.url}/metrics",
            "fingerprint": hashlib.sha256(json.dumps(self._labels).encode()).hexdigest()[:16],
        }
        group = {"alertname": ALERT, "service": self._labels["service"]}
        return {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{ALERT}"}}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": "tocsin",
            "groupLabels": group,
            "commonLabels": self._labels,
            "commonAnnotations": annotations,
            "externalURL": "http://127.0.0.1:9093",
            "alerts": [alert],
        }


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
