"""A CRITICAL page among ten thousand LOW ones that wait for the same channel: how many go before it?"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import httpx

from reliability.providers.hook import FakeHook
from reliability.providers.mail import FakeMail
from reliability.providers.team import Far, Reached, fire, home_of, served
from reliability.servers import temporary_folder
from reliability.waiting import wait_until
from tocsin.demo.tocsin_server import TocsinServer
from tocsin.engine import WORKERS

BEFORE_AT_MOST = 2 * WORKERS
"""What is on the wire when the alert comes, and what was claimed just before it."""

WITHIN_S = 5.0
TAKES_S = 0.1
"""How long the receiver takes for one page, so that the others go on waiting."""

TOGETHER = 200
WAITS_WITHIN_S = 30.0
AT_ONCE = {"LOW": {"unacknowledged": [{"after": 0, "page": [1], "channels": ["webhook"]}]}}
"""The pack's LOW waits for the next business day, and this driver does not."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """What was seen.

    Args:
        queued: LOW pages that waited when the CRITICAL alert was sent.
        before: LOW pages that arrived after that, before the CRITICAL one.
        seconds: from sending the alert to the arrival of its page.
    """

    queued: int
    before: int
    seconds: float

    def facts(self) -> dict[str, object]:
        """For one line of JSON."""
        held = self.before <= BEFORE_AT_MOST and self.seconds <= WITHIN_S
        return {"queued": self.queued, "before": self.before, "critical_s": round(self.seconds, 3), "holds": held}


def overtaking(queue: int) -> Overtaken:
    """Let that many LOW pages wait, then let something CRITICAL happen."""
    with contextlib.ExitStack() as running:
        mail, hook = running.enter_context(FakeMail()), running.enter_context(FakeHook(TAKES_S))
        folder = running.enter_context(temporary_folder())
        people = [Reached("watched", (("webhook", hook.url, 0),))]
        home = home_of(folder / "home", Far(mail.port), people, severities=AT_ONCE)
        server = running.enter_context(served(home))
        for first in range(0, queue + queue // 10, TOGETHER):
            fire(server, {f"Low{number}": "info" for number in range(first, first + TOGETHER)})
        queued = _waiting(server)
        began = time.monotonic()
        fire(server, {"Overtakes": "critical"})
        wait_until(lambda: any(it.severity == "CRITICAL" for it in list(hook.posted)), WAITS_WITHIN_S, "it has arrived")
        arrived = list(hook.posted)
    critical = next(it for it in arrived if it.severity == "CRITICAL")
    before = sum(it.severity == "LOW" and began < it.at < critical.at for it in arrived)
    return Overtaken(queued, before, critical.at - began)


def _waiting(server: TocsinServer) -> int:
    lines = httpx.get(f"{server.url}/metrics", trust_env=False, timeout=60).text.splitlines()
    return sum(
        int(float(line.rpartition(" ")[2])) for line in lines if line.startswith('tocsin_pages{state="planned"}')
    )
