"""A team of any size on a real server: how each of its people is reached, first and then."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from reliability.providers.slack import FakeSlack
from reliability.providers.twilio import FakeTwilio
from tocsin.demo.children import ChildError
from tocsin.demo.tocsin_server import Home, TocsinServer, lay_out

SERVICE = "app"
ANSWERS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Far:
    """The far sides that a home's site.yaml names.

    Args:
        mail_port: of a mail server on loopback.
    """

    mail_port: int
    twilio: FakeTwilio | None = None
    slack: FakeSlack | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """One person.

    Args:
        name: what messages call them.
        ways: channel, address and seconds after the first page, in order.
    """

    name: str
    ways: Sequence[tuple[str, str, int]]


def address_on(channel: str, number: int) -> str:
    """Somebody's address where nobody else has it; that of a webhook is its receiver's."""
    match channel:
        case "email":
            return f"p{number}@example.org"
        case "sms" | "voice":
            return f"+1555010{number:04d}"
        case _:
            return "-"


def home_of(path: Path, far: Far, people: Iterable[Reached], *, severities: Mapping[str, Any] | None = None) -> Home:
    """A home in which all of these people are on call at level 1, and nobody above them.

    Args:
        path: where; made when it does not exist.
        far: the providers.
        people: the team.
        severities: what to put in place of keys of severities in procedures.yaml.

    Raises:
        ChildError: a command failed; the message carries what it said.
    """
    values: dict[str, object] = {"mail.host": "127.0.0.1", "mail.port": far.mail_port}
    settings = {}
    if far.twilio:
        values |= {"sms.base_url": far.twilio.base_url, "sms.account_sid": far.twilio.account}
        values |= {"sms.auth_token": "${TWILIO_TOKEN}", "sms.sender": far.twilio.number}
        settings["TWILIO_TOKEN"] = far.twilio.token
    if far.slack:
        values["slack.webhook_url"] = "${SLACK_WEBHOOK}"
        settings["SLACK_WEBHOOK"] = far.slack.webhook_url
    home = lay_out(path, pack="generic", values=values, settings=settings)
    with _edited(home.path / "procedures" / "people.yaml") as content:
        content["people"] = {f"p{number}": _written(each) for number, each in enumerate(people)}
        content["schedules"] = {"all": {"people": list(content["people"])}}
        content["staffing"] = {level: ["all"] for level in (1, 2, 3, 4)}
    with _edited(home.path / "procedures" / "procedures.yaml") as content:
        for severity, keys in (severities or {}).items():
            content["severities"][severity].update(keys)
    done = home.cli("apply")
    if done.returncode != 0:
        raise ChildError(f"tocsin apply ended with {done.returncode}.\n{done.stderr}{done.stdout}")
    return home


def _written(person: Reached) -> dict[str, Any]:
    return {
        "name": person.name,
        "contacts": [{"channel": channel, "address": address} for channel, address, _ in person.ways],
        "rules": [{"channel": channel, "after": f"{after} s"} for channel, _, after in person.ways],
    }


@contextlib.contextmanager
def _edited(file: Path) -> Iterator[Any]:
    yaml = YAML()
    content = yaml.load(file)
    yield content
    yaml.dump(content, file)


def served(home: Home) -> TocsinServer:
    """A server on that home, not started yet."""
    return TocsinServer(home, service=SERVICE)


def fire(server: TocsinServer, alerts: Mapping[str, str]) -> float:
    """Send alerts, by name and severity label, in one request. Returns when it was answered, on the monotonic clock.

    Raises:
        httpx.HTTPStatusError: not by a 2xx.
    """
    firing = [
        {"labels": {"alertname": name, "service": SERVICE, "severity": severity}} for name, severity in alerts.items()
    ]
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(trust_env=False, timeout=ANSWERS_WITHIN_S) as client:
        client.post(f"{server.url}/api/v2/alerts", json=firing, headers=headers).raise_for_status()
    return time.monotonic()


def pages(server: TocsinServer) -> list[dict[str, Any]]:
    """Every page that wakes, of every incident, as the API shows it."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=ANSWERS_WITHIN_S) as client:
        client.headers["Authorization"] = f"Bearer {server.token}"
        incidents = client.get("/api/v1/incidents", params={"limit": 1000}).raise_for_status().json()["items"]
        found = []
        for incident in incidents:
            answer = client.get(f"/api/v1/incidents/{incident['id']}/pages", params={"limit": 1000})
            found += [page for page in answer.raise_for_status().json()["items"] if page["urgent"]]
        return found


def ready(server: TocsinServer) -> dict[str, Any]:
    """What `/readyz` says."""
    said: dict[str, Any] = httpx.get(f"{server.url}/readyz", trust_env=False, timeout=ANSWERS_WITHIN_S).json()
    return said
