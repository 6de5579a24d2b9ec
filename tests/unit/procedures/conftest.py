"""A small valid procedures directory whose lines and columns the tests know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.domain.errors import ProceduresError
from tocsin.procedures.loader import document

_SEVERITY = """\
    respond_within: 5 min
    unacknowledged:
      - {after: 0, page: [1]}
      - {after: 5 min, page: [2], post: [1]}
"""

SMALL = {
    "procedures.yaml": f"""\
pack: small
title: Small procedures
timezone: UTC
business_hours: {{days: mon-fri, opens: "09:00", closes: "17:00"}}
holidays: [2026-12-25]
levels: {{1: One, 2: Two, 3: Three, 4: Four}}
roles:
  commander: {{title: Commander, responsibility: Leads}}
  responder: {{title: Responder, responsibility: Mends}}
  sme: {{title: Expert, responsibility: Knows}}
  communications: {{title: Voice, responsibility: Tells}}
  documentation: {{title: Scribe, responsibility: Writes}}
severities:
  CRITICAL:
{_SEVERITY}\
    climbs_when_clear: true
  HIGH:
{_SEVERITY}\
  MEDIUM:
{_SEVERITY}\
  LOW:
    respond_within: next business day
    unacknowledged:
      - {{after: next business day, page: [1], channels: [email]}}
alerts:
  severity_labels: {{critical: CRITICAL, Page: HIGH}}
""",
    "services.yaml": """\
services:
  app:
    title: The application
    group_by: [alertname]
    alerts: {AppDown: CRITICAL}
    staffing: {2: [desk]}
""",
    "people.yaml": """\
people:
  ana:
    name: Ana
    contacts:
      - {channel: email, address: ana@example.org}
      - {channel: webhook, address: "https://hooks.example.org/ana", verified: false}
    rules: [{channel: email}, {channel: webhook, after: 2 min}]
  bo:
    name: Bo
    timezone: Europe/Berlin
    contacts: [{channel: console, address: bo}]
schedules:
  turns:
    people: [ana, bo]
    rotation: weekly
    starts_on: 2026-01-07
    handover: 8:30
  desk:
    people: [bo]
    timezone: Europe/Berlin
    coverage: business hours
staffing:
  1: [turns]
  2: [turns, desk]
  3: [turns]
  4: [turns]
""",
    "site.yaml": """\
organization: Example
public_url: https://tocsin.example.org/
support_address: support@example.org
conference_url: "https://meet.example.org/{incident_id}"
mail:
  host: mail.example.org
  port: 587
  security: starttls
  username: tocsin
  password: ${TOCSIN_MAIL_PASSWORD}
  sender: tocsin@example.org
webhook: {secret: "file:/etc/tocsin/webhook"}
""",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in SMALL.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def change(directory: Path) -> Callable[[str, str, str], None]:
    """`change(file, old, new)` replaces the first occurrence, which must exist."""

    def edit(file: str, old: str, new: str) -> None:
        text = (directory / file).read_text(encoding="utf-8")
        assert old in text
        (directory / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


@pytest.fixture
def faults(directory: Path) -> Callable[[], list[str]]:
    """`faults()` is what the directory is refused for, [] when it is valid."""

    def read() -> list[str]:
        try:
            document(directory)
        except ProceduresError as error:
            return list(error.faults)
        return []

    return read
