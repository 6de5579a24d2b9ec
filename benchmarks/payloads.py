"""The alerts that are sent, about 500 bytes each, shaped like those of a real Prometheus and Alertmanager."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GROUPS = 100
"""Alert names the alerts are spread over; all alerts of one name make one incident."""
_NAME, _NUMBER = "900000001", "900000002"  # stand for numbers of the same width, so the length of a body never changes
STARTED = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))


@dataclass(frozen=True, slots=True)
class Door:
    """Where alerts go in, and in which format.

    Args:
        port: loopback port.
        path: of the request.
        key: sent as a bearer token; empty for none.
        webhook: True for Alertmanager's webhook format, False for the API that Prometheus itself posts to.
    """

    port: int
    path: str
    key: str = ""
    webhook: bool = False

    def request(self, body: bytes) -> bytes:
        """One whole HTTP request."""
        authorization = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{authorization}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Writer:
    """Writes requests for one door quickly: the bytes are ready, only the numbers are filled in.

    Args:
        door: where they go.
        tag: goes into the labels, so that two runs never send the same alert.
        severity: the alerts' severity label.
        name: what the alerts' names begin with.
        service: the alerts' service label.
    """

    def __init__(
        self, door: Door, tag: str, severity: str = "warning", name: str = "Bench", service: str = "app"
    ) -> None:
        self._door = door
        labels = {
            "alertname": f"{name}{_NAME}",
            "env": "prod",
            "instance": f"10.0.0.1:{_NUMBER}",
            "job": "api",
            "region": "eu-west-1",
            "run": tag,
            "service": service,
            "severity": severity,
        }
        annotations = {
            "description": "p99 over 2s for 5 minutes",
            "runbook_url": "https://wiki.example.org/runbooks/latency",
            "summary": f"{name}{_NAME}: p99 latency is high",
        }
        alert: dict[str, object] = {
            "labels": labels,
            "annotations": annotations,
            "startsAt": STARTED,
            "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=x",
        }
        if door.webhook:
            alert |= {"status": "firing", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": f"2e8e915{_NUMBER}"}
        self._alert, self._alert_fields = _template(json.dumps(alert))
        group = {key: labels[key] for key in ("alertname", "service")}
        envelope = {
            "receiver": "tocsin",
            "status": "firing",
            "groupLabels": group,
            "commonLabels": {key: value for key, value in labels.items() if key != "instance"},
            "commonAnnotations": annotations,
            "externalURL": "http://127.0.0.1:9093",
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{group["alertname"]}"}}',
            "truncatedAlerts": 0,
        }
        self._envelope, self._envelope_fields = _template(json.dumps(envelope)[:-1])

    def request(self, name: int, numbers: Sequence[int]) -> bytes:
        """One request with these alerts: all of the name `name`, each of another instance."""
        alerts = b", ".join(self._alert % _filled(self._alert_fields, name, number) for number in numbers)
        if not self._door.webhook:
            return self._door.request(b"[%b]" % alerts)
        envelope = self._envelope % _filled(self._envelope_fields, name, 0)
        return self._door.request(b'%b, "alerts": [%b]}' % (envelope, alerts))


def _template(text: str) -> tuple[bytes, list[bool]]:
    """The text with `%09d` where a number goes, and for each such place whether it takes the name's number."""
    fields = [part == _NAME for part in _placeholders(text)]
    escaped = text.replace("%", "%%").replace(_NAME, "%09d").replace(_NUMBER, "%09d")
    return escaped.encode(), fields


def _placeholders(text: str) -> Iterator[str]:
    for at in range(len(text)):
        part = text[at : at + len(_NAME)]
        if part in (_NAME, _NUMBER):
            yield part


def _filled(fields: Sequence[bool], name: int, number: int) -> tuple[int, ...]:
    return tuple(name if is_name else number for is_name in fields)


def distinct(writer: Writer, per_request: int) -> Iterator[bytes]:
    """Requests whose alerts were never sent before; each request is about one alert name, as a real group is."""
    numbers = itertools.count()
    for turn in itertools.count():
        yield writer.request(turn % GROUPS, [next(numbers) for _ in range(per_request)])


NEW_IN = 20
"""Among repeats, one request in so many brings a new alert."""


def mostly_repeats(writer: Writer, known: Sequence[bytes]) -> Iterator[bytes]:
    """One alert per request; one request in `NEW_IN` is new, the others repeat what `known` holds, unchanged."""
    fresh = distinct(writer, 1)
    repeats = itertools.cycle(known)
    for turn in itertools.count():
        yield next(fresh) if turn % NEW_IN == 0 else next(repeats)
