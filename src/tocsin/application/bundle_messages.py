"""What a bundle says: the worst in full, each with its own link, and every other incident by its id."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from tocsin.application.handle import POST_LANE
from tocsin.application.ports import Message
from tocsin.application.records import Page
from tocsin.domain.severity import Severity

IN_FULL = 20
"""More than these nobody reads before acting; the others are named by their ids."""
_WIDTH = 100


def write_bundle(pages: Sequence[Page], told: Sequence[Message], others: Sequence[Page], base_url: str) -> Message:
    """One message about several pages, or posts, to one person.

    Args:
        pages: all that it carries, the leader first.
        told: what each of the most urgent ones says, most urgent first.
        others: those that are only named.
        base_url: how people reach the pages; all open incidents are at its root.
    """
    leader = pages[0]
    worst, count = told[0], len(told) + len(others)
    subject = _subject(worst, count, urgent=leader.urgent)
    why = (
        f"You, because {count} incidents page you within a short time."
        if leader.urgent
        else "For your information; nothing is asked of you."
    )
    following = "What comes in from now on waits for the next message, unless it is more severe than all of these."
    each = ["Each waits for its own answer, by its own link."] if leader.urgent else []
    lines = [subject, "", why, *each, following, f"All that is open: {base_url}/", ""]
    for message in told:
        lines += [*_in_full(message), ""]
    if others:
        lines += [f"And {len(others)} more:", *_named(others), ""]
    lines += [f"Page {leader.id} · {count} in one message"]
    return Message(
        page_id=leader.id,
        incident_id=worst.incident_id,
        severity=worst.severity,
        urgent=leader.urgent,
        to=worst.to,
        person=worst.person,
        subject=subject,
        text="\n".join(lines) + "\n",
        facts={
            "id": worst.incident_id,
            "title": worst.facts.get("title", ""),
            "severity": worst.severity.value,
            "topic": "bundle",
            "count": str(count),
            "ids": " ".join(list(dict.fromkeys(other.incident_id for other in told[1:]))[:IN_FULL]),
            "why": why,
            "next": following,
            "link": "",
            "url": f"{base_url}/",
        },
        carries=tuple(page.id for page in pages),
    )


def _subject(worst: Message, count: int, *, urgent: bool) -> str:
    """The worst one, and how many more."""
    more = f"{count - 1} more" if urgent else f"{count - 1} more messages"
    return f"{worst.subject} and {more}"


def _in_full(message: Message) -> list[str]:
    link = message.facts.get("link", "")
    if not message.urgent:
        return [f"* {message.subject}"]
    follows = message.facts.get("next", "")
    return [f"* {message.subject}", *([f"  {follows}"] if follows else []), f"  Acknowledge: {link}"]


def _named(pages: Sequence[Page]) -> list[str]:
    """The ids by severity, most severe first, in lines that no mail server breaks."""
    lines = []
    for lane, some in groupby(sorted(pages, key=lambda page: page.lane), key=lambda page: page.lane):
        severity = "" if lane >= POST_LANE else f"{list(Severity)[lane]}: "
        ids = " ".join(dict.fromkeys(page.incident_id for page in some))
        lines += textwrap.wrap(f"{severity}{ids}", _WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines
