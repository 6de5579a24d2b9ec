"""Somebody's webhook: it keeps what it is sent, and may misbehave or take its time."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from reliability.providers.loopback import Behaviour, Loopback, Provided

_REFUSALS = {Behaviour.FAILS: 503, Behaviour.BUSY: 429, Behaviour.REFUSES: 410}


@dataclass(frozen=True, slots=True)
class Posted:
    """One message that came.

    Args:
        page: its id.
        incident: whose.
        alert: the name of the alert that began it.
        person: the name of whom it is for.
        severity: of the incident.
        at: when, on the monotonic clock, in seconds.
    """

    page: str
    incident: str
    alert: str
    person: str
    severity: str
    at: float


class FakeHook(Loopback):
    """A receiver of webhooks.

    Args:
        takes_s: seconds it lets pass before it answers.

    Attributes:
        posted: what came and was kept, oldest first.
    """

    def __init__(self, takes_s: float = 0.0) -> None:
        super().__init__(_Hook)
        self.takes_s = takes_s
        self.posted: list[Posted] = []

    @property
    def url(self) -> str:
        """What a contact says."""
        return f"{self.base_url}/page"


class _Hook(Provided):
    server: FakeHook

    def do_POST(self) -> None:  # noqa: N802 - the standard library's name
        content = self.body()
        match self.server.behaviour:
            case Behaviour.HANGS:
                self.hang()
            case Behaviour.DRIPS:
                self.drip()
            case behaviour if behaviour in _REFUSALS:
                self.answer(_REFUSALS[behaviour], b"{}", "application/json")
            case behaviour:
                self._take(json.loads(content)["data"], lose=behaviour is Behaviour.LOSES)

    def _take(self, data: dict[str, Any], *, lose: bool) -> None:
        if not lose:
            alert = data["facts"]["title"].partition(":")[0]
            told = data["page_id"], data["incident_id"], alert, data["person"], data["severity"]
            self.server.posted.append(Posted(*told, time.monotonic()))
        self.server.over.wait(self.server.takes_s)
        self.answer(200, b"{}", "application/json")
