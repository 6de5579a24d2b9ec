"""Every provider of a server misbehaves at once: how soon each person's next way is tried, and whether a page is lost.

Half of the pages are of a CRITICAL incident, half of a HIGH one. The next way is a webhook whose receiver works; for a
webhook that misbehaves it is mail, and other people's webhooks work meanwhile. Everything is measured from outside:
from the answer to the alerts until the next way's message has arrived.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reliability.providers.hook import FakeHook
from reliability.providers.loopback import Behaviour
from reliability.providers.mail import FakeMail
from reliability.providers.slack import FakeSlack
from reliability.providers.team import Far, Reached, address_on, fire, home_of, pages, served
from reliability.providers.twilio import FakeTwilio
from reliability.servers import temporary_folder
from reliability.waiting import wait_until
from tocsin.demo.tocsin_server import TocsinServer

WITHIN_S = 30.0
"""The bar."""

ALERTS = {"ProviderTriedCritical": "critical", "ProviderTriedHigh": "error"}
BY_RULE_S = 120
NOT_NOTICED_S = 20
"""When the next way's turn comes where nobody can notice that a message was lost: by the person's own rule."""
LOOKS_FOR_S = 60.0
HEALS_WITHIN_S = 120.0
UNNOTICED = frozenset({"email", "slack"})
"""A mail server and Slack's webhooks give no receipt."""

BROKEN = ("email", "sms", "voice", "slack")
VOICE = {severity: {"voice": True} for severity in ("CRITICAL", "HIGH")}
_INCIDENT = re.compile(r"INC-\d{8}-\d{6}(?:-\d+)?")

Came = Mapping[tuple[str, str], float]
"""When the first message about an incident reached a person: by the person's name and the incident."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one fault at one provider.

    Args:
        fault: what it did.
        channel: whose provider.
        noticed: whether its silence can be noticed at all.
        seconds: until the next way's message arrived, of each page, sorted.
        pages: how many there were.
        given_up: pages that failed for the moment and are not tried again.
        healed_s: seconds from its working again until it had taken every page; None where that was not waited for.
        others_s: the slowest page by a receiver of the same channel that worked; None where there was none.
    """

    fault: Behaviour
    channel: str
    noticed: bool
    seconds: tuple[float, ...]
    pages: int
    given_up: int = 0
    healed_s: float | None = None
    others_s: float | None = None

    @property
    def lost(self) -> int:
        """Pages whose person heard of it by no way at all."""
        return self.pages - len(self.seconds)

    @property
    def holds(self) -> bool:
        """Whether the bar was met."""
        return not self.lost and not self.given_up and self.seconds[-1] <= WITHIN_S

    def facts(self) -> dict[str, object]:
        """For one line of JSON."""
        found = {
            "fault": self.fault.name.lower(),
            "channel": self.channel,
            "pages": self.pages,
            "noticed": self.noticed,
            "fallback_s_p50": share(self.seconds, 0.5),
            "fallback_s_max": share(self.seconds, 1.0),
            "lost": self.lost,
            "given_up": self.given_up,
        }
        extra = {"healed_s": self.healed_s, "others_s": self.others_s}
        return found | {key: value for key, value in extra.items() if value is not None} | {"holds": self.holds}


def share(ranked: tuple[float, ...], part: float) -> float | None:
    """The value below which that part of sorted values lies; None when there are none."""
    return round(ranked[min(len(ranked) - 1, int(part * len(ranked)))], 2) if ranked else None


def all_but_webhooks(fault: Behaviour, each: int, channels: tuple[str, ...] = BROKEN) -> list[Tried]:
    """The providers of these channels misbehave; the next way is a webhook.

    Args:
        fault: how.
        each: people with each channel.
        channels: which.
    """

    def after(channel: str) -> int:
        return NOT_NOTICED_S if fault is Behaviour.LOSES and channel in UNNOTICED else BY_RULE_S

    with contextlib.ExitStack() as running:
        mail, twilio = running.enter_context(FakeMail()), running.enter_context(FakeTwilio())
        slack, hook = running.enter_context(FakeSlack()), running.enter_context(FakeHook())
        twilio.after = twilio.deliver
        people = [
            Reached(f"{channel} {at}", ((channel, address_on(channel, at), 0), ("webhook", hook.url, after(channel))))
            for channel in channels
            for at in range(each)
        ]
        folder = running.enter_context(temporary_folder())
        home = home_of(folder / "home", Far(mail.port, twilio, slack), people, severities=VOICE)
        server = running.enter_context(served(home))
        mail.behaviour = twilio.behaviour = slack.behaviour = fault
        began = fire(server, ALERTS)
        tried = _watch(server, fault, people, began, lambda: came_by_webhook(hook))
        if fault is not Behaviour.HANGS:
            return tried
        mail.behaviour = twilio.behaviour = slack.behaviour = Behaviour.WORKS
        healed = _healed(server, [one.channel for one in tried if one.channel != "voice"])
        return [replace(one, healed_s=healed.get(one.channel)) for one in tried]


def webhooks(fault: Behaviour, each: int) -> list[Tried]:
    """One receiver of webhooks misbehaves, another works; the next way is mail."""
    with contextlib.ExitStack() as running:
        mail = running.enter_context(FakeMail())
        broken, works = running.enter_context(FakeHook()), running.enter_context(FakeHook())
        people = [
            Reached(f"webhook {at}", (("webhook", broken.url, 0), ("email", address_on("email", at), BY_RULE_S)))
            for at in range(each)
        ]
        others = [Reached(f"other {at}", (("webhook", works.url, 0),)) for at in range(each)]
        folder = running.enter_context(temporary_folder())
        server = running.enter_context(served(home_of(folder / "home", Far(mail.port), [*people, *others])))
        broken.behaviour = fault
        began = fire(server, ALERTS)
        [tried] = _watch(server, fault, people, began, lambda: came_by_mail(mail, people))
        slowest = max(came_by_webhook(works).values()) - began
        return [replace(tried, others_s=round(slowest, 2))]


def came_by_webhook(hook: FakeHook) -> Came:
    """What reached a receiver of webhooks."""
    found: dict[tuple[str, str], float] = {}
    for posted in list(hook.posted):
        found.setdefault((posted.person, posted.incident), posted.at)
    return found


def came_by_mail(mail: FakeMail, people: list[Reached]) -> Came:
    """What reached people by mail; a mail may be about several incidents."""
    names = {address: person.name for person in people for channel, address, _ in person.ways if channel == "email"}
    now, steady = datetime.now(UTC), time.monotonic()
    found: dict[tuple[str, str], float] = {}
    for each in mail.messages:
        at = steady - (now - each.received_at).total_seconds()
        for incident in _INCIDENT.findall(f"{each.subject}\n{each.text}"):
            found.setdefault((names[each.recipients[0]], incident), at)
    return found


def _watch(
    server: TocsinServer, fault: Behaviour, people: list[Reached], began: float, came: Callable[[], Came]
) -> list[Tried]:
    """Wait until everybody heard of everything by their next way, or it is of no more use to wait."""
    expected = len(people) * len(ALERTS)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: len(came()) >= expected, LOOKS_FOR_S, "every next way was tried")
    arrived, kept = came(), pages(server)
    tried = []
    for channel in dict.fromkeys(person.ways[0][0] for person in people):
        theirs = {person.name for person in people if person.ways[0][0] == channel}
        tried.append(
            Tried(
                fault=fault,
                channel=channel,
                noticed=not (fault is Behaviour.LOSES and channel in UNNOTICED),
                seconds=tuple(sorted(at - began for (person, _), at in arrived.items() if person in theirs)),
                pages=len(theirs) * len(ALERTS),
                given_up=_given_up(kept, channel),
            )
        )
    return tried


def _given_up(kept: list[dict[str, Any]], channel: str) -> int:
    """How many pages failed for the moment and have no attempt after that."""
    latest = {
        (page["incident"], page["person"]): page["state"]
        for page in sorted(kept, key=lambda page: page["attempt"])
        if page["channel"] == channel
    }
    return list(latest.values()).count("failed")


def _healed(server: TocsinServer, channels: list[str]) -> dict[str, float]:
    """Seconds until providers that work again had taken every page, each by its channel; calls need somebody to answer.

    Raises:
        TimeoutError: one of them does not come to it.
    """
    began = time.monotonic()
    found: dict[str, float] = {}

    def all_taken() -> bool:
        every, taken = defaultdict[str, set[Any]](set), defaultdict[str, set[Any]](set)
        for page in pages(server):
            key = (page["incident"], page["person"])
            every[page["channel"]].add(key)
            if page["state"] in {"accepted", "delivered"}:
                taken[page["channel"]].add(key)
        for channel in channels:
            if taken[channel] == every[channel]:
                found.setdefault(channel, round(time.monotonic() - began, 1))
        return len(found) == len(channels)

    wait_until(all_taken, HEALS_WITHIN_S, "every page was taken by its provider in the end")
    return found
