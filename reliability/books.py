"""What a server has after a crash, seen from outside: through the API, and in the messages that came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from reliability.arrivals import Arrivals
from reliability.waiting import wait_until
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import TocsinServer

SETTLES_S = 60.0
"""A lease runs out after ten seconds; the rest is for a busy machine."""

ENDED = {"accepted", "delivered", "acknowledged", "superseded"}
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """What there is about one incident.

    Args:
        id: such as INC-20261122-214214.
        title: of the incident.
        alerts: the label `which` of each of its alerts.
        pages: all of them.
        verified: whether its timeline verifies.
    """

    id: str
    title: str
    alerts: Sequence[str]
    pages: Sequence[dict[str, Any]]
    verified: bool


@dataclass(frozen=True, slots=True)
class Books:
    """Everything there is, when nothing waits any more.

    Args:
        entries: one for each incident.
        arrived: page ids, as often as a message with it came.
    """

    entries: Sequence[Entry]
    arrived: Counter[str]

    @property
    def titles(self) -> list[str]:
        """Of every incident."""
        return [entry.title for entry in self.entries]

    @property
    def alerts(self) -> Counter[str]:
        """The label `which` of every alert, as often as there is one."""
        return Counter(alert for entry in self.entries for alert in entry.alerts)

    @property
    def pages(self) -> list[dict[str, Any]]:
        """Every page of every incident."""
        return [page for entry in self.entries for page in entry.pages]

    @property
    def stored(self) -> Counter[str]:
        """Alerts and titles of incidents, as often as each is there; a declared incident is known by its title."""
        return self.alerts + Counter(self.titles)

    def unstored(self, accepted: Iterable[str]) -> list[str]:
        """Alerts, and titles of declared incidents, that were answered by a 2xx and are not there."""
        there = self.stored
        return [alert for alert in accepted if alert not in there]

    @property
    def twice(self) -> list[str]:
        """What is there more than once: a repetition was not recognised."""
        return [what for what, times in self.stored.items() if times > 1]

    @property
    def unpaged(self) -> list[str]:
        """Incidents of which no page that wakes has left."""
        return [
            entry.id
            for entry in self.entries
            if not any(page["urgent"] and page["id"] in self.arrived for page in entry.pages)
        ]

    @property
    def unverified(self) -> list[str]:
        """Incidents whose timeline does not verify."""
        return [entry.id for entry in self.entries if not entry.verified]

    @property
    def unsent(self) -> list[dict[str, Any]]:
        """Pages that did not come to their end, or ended well and never arrived."""
        return [page for page in self.pages if page["state"] not in ENDED or not self._arrived(page)]

    def _arrived(self, page: dict[str, Any]) -> bool:
        return page["state"] == "superseded" or page["id"] in self.arrived

    @property
    def duplicates(self) -> int:
        """How many messages came more than once."""
        return sum(self.arrived.values()) - len(self.arrived)

    def lost(self, accepted: Iterable[str]) -> int:
        """Everything that a promise was made about and that is not there: alerts, pages, first pages of incidents."""
        return len(self.unstored(accepted)) + len(self.unsent) + len(self.unpaged)

    def faults(self, accepted: Iterable[str]) -> list[str]:
        """What is wrong, in sentences; nothing when all promises were kept."""
        found = {
            "answered by a 2xx and not stored": self.unstored(accepted),
            "stored more than once": self.twice,
            "incident of which no page left": self.unpaged,
            "page that was not sent": [f"{page['id']} ({page['state']})" for page in self.unsent],
            "timeline that does not verify": self.unverified,
        }
        return [f"{what}: {which}" for what, each in found.items() for which in each]


def close_books(server: TocsinServer, sink: SmtpSink | Arrivals, settles_s: float = SETTLES_S) -> Books:
    """Wait until nothing is on its way any more, then look at everything.

    Raises:
        TimeoutError: something is still on its way.
    """
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {server.token}"
        wait_until(lambda: waiting(client) == 0, settles_s, "every page has come to its end")
        incidents = list(_all(client, "/api/v1/incidents"))
        arrived = came_out(sink)
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            entries = list(readers.map(lambda incident: _entry(client, incident), incidents))
    return Books(entries, arrived)


def came_out(sink: SmtpSink | Arrivals) -> Counter[str]:
    """Page ids, as often as a message with it came."""
    if isinstance(sink, Arrivals):
        return sink.counted()
    return Counter(str(page) for mail in sink.messages for page in mail.message.get_all("X-Tocsin-Page", ()))


def _entry(client: httpx.Client, incident: dict[str, Any]) -> Entry:
    path = f"/api/v1/incidents/{incident['id']}"
    timeline = client.get(f"{path}/timeline", params={"verify": True, "limit": 1}).json()
    return Entry(
        id=str(incident["id"]),
        title=str(incident["title"]),
        alerts=[alert["labels"]["which"] for alert in _all(client, f"{path}/alerts")],
        pages=list(_all(client, f"{path}/pages")),
        verified=timeline["verified"] is True,
    )


def waiting(client: httpx.Client) -> float:
    """How many pages wait to be sent, or are being sent."""
    lines = client.get("/metrics").text.splitlines()
    states = ('tocsin_pages{state="planned"} ', 'tocsin_pages{state="sending"} ')
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(states))


def _all(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        answer = client.get(path, params={"limit": 1000, "cursor": cursor}).raise_for_status().json()
        yield from answer["items"]
        cursor = answer["next"]
