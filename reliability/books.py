"""What a server has after a crash, seen from outside: through the API, and in the mail that came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from reliability.waiting import wait_until
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import TocsinServer

SETTLES_S = 60.0
"""A lease runs out after ten seconds; the rest is for a busy machine."""

ENDED = {"accepted", "delivered", "acknowledged", "superseded"}


@dataclass(frozen=True, slots=True)
class Books:
    """Everything there is, when nothing waits any more.

    Args:
        titles: of every incident.
        alerts: the label `which` of every alert, as often as there is one.
        pages: every page of every incident.
        unpaged: incidents of which no page that wakes has left.
        unverified: incidents whose timeline does not verify.
        mails: page ids, as often as a mail with it came.
    """

    titles: Sequence[str]
    alerts: Counter[str]
    pages: Sequence[dict[str, Any]]
    unpaged: Sequence[str]
    unverified: Sequence[str]
    mails: Counter[str]

    @property
    def unsent(self) -> list[dict[str, Any]]:
        """Pages that did not come to their end, or ended well and never arrived."""
        return [page for page in self.pages if page["state"] not in ENDED or not self._arrived(page)]

    def _arrived(self, page: dict[str, Any]) -> bool:
        return page["state"] == "superseded" or page["id"] in self.mails

    @property
    def duplicates(self) -> int:
        """How many mails came more than once."""
        return sum(self.mails.values()) - len(self.mails)


def close_books(server: TocsinServer, sink: SmtpSink) -> Books:
    """Wait until nothing is on its way any more, then look at everything.

    Raises:
        TimeoutError: something is still on its way.
    """
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {server.token}"
        wait_until(lambda: _waiting(client) == 0, SETTLES_S, "every page has come to its end")
        incidents = {str(incident["id"]): str(incident["title"]) for incident in _all(client, "/api/v1/incidents")}
        alerts, pages, unpaged, unverified = Counter[str](), [], [], []
        mails = Counter(str(mail.message["X-Tocsin-Page"]) for mail in sink.messages)
        for incident in incidents:
            path = f"/api/v1/incidents/{incident}"
            alerts.update(alert["labels"]["which"] for alert in _all(client, f"{path}/alerts"))
            its = list(_all(client, f"{path}/pages"))
            pages += its
            if not any(page["urgent"] and page["id"] in mails for page in its):
                unpaged.append(incident)
            if client.get(f"{path}/timeline", params={"verify": True, "limit": 1}).json()["verified"] is not True:
                unverified.append(incident)
    return Books(list(incidents.values()), alerts, pages, unpaged, unverified, mails)


def _waiting(client: httpx.Client) -> float:
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
