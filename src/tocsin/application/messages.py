"""What a page says: id, severity, title, why you, what happens next, and the link (RULES.md *Who is told*)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tocsin.application.ports import Message
from tocsin.application.records import Page
from tocsin.domain import events as ev
from tocsin.domain.ahead import Ahead
from tocsin.domain.incident import Incident
from tocsin.domain.people import Contact, Person
from tocsin.domain.policy import Policy
from tocsin.domain.react import Topic
from tocsin.domain.severity import Severity


@dataclass(frozen=True, slots=True)
class Background:
    """What a message is written from.

    Args:
        incident: as it stands now.
        opened: the round the page belongs to; None for messages outside rounds.
        names: person ids to names.
        ahead: what time will do next; None when nothing.
        policy: the timings in force, for level names.
        base_url: how people reach the pages.
        link: the acknowledge link.
    """

    incident: Incident
    opened: ev.RoundOpened | None
    names: dict[str, str]
    ahead: Ahead | None
    policy: Policy
    base_url: str
    link: str

    def name(self, person: str) -> str:
        """What people call somebody."""
        return self.names.get(person, person)


def write(page: Page, person: Person, contact: Contact, background: Background) -> Message:
    """One page or post in words.

    Args:
        page: what is sent.
        person: to whom.
        contact: by which way.
        background: what it is about.
    """
    incident = background.incident
    why = why_you(page, person, background)
    following = what_next(person, background)
    subject = _subject(page, background)
    lines = [subject, "", why, following, ""]
    if page.urgent:
        lines += [f"Acknowledge: {background.link}", ""]
    elif background.base_url:
        lines += [f"Look: {background.base_url}/incidents/{incident.id}", ""]
    lines += [line for line in (_said("Impact", incident.impact), _said("Symptoms", incident.symptoms)) if line]
    lines += [f"Service {incident.service} · {incident.alerts} alert{'' if incident.alerts == 1 else 's'}"]
    lines += [f"Page {page.id} · round {page.round} · attempt {page.attempt}"]
    return Message(
        page_id=page.id,
        incident_id=incident.id,
        severity=incident.severity,
        urgent=page.urgent,
        to=contact.address,
        person=person.name,
        subject=subject,
        text="\n".join(lines) + "\n",
        facts={
            "id": incident.id,
            "title": incident.title,
            "severity": incident.severity.value,
            "status": incident.status.value,
            "service": incident.service,
            "topic": page.topic.value,
            "level": str(page.level),
            "round": str(page.round),
            "attempt": str(page.attempt),
            "why": why,
            "next": following,
            "link": background.link if page.urgent else "",
            "url": f"{background.base_url}/incidents/{incident.id}",
        },
    )


def _said(heading: str, words: str) -> str:
    return f"{heading}: {words}" if words else ""


def _subject(page: Page, background: Background) -> str:
    incident = background.incident
    who = background.name(incident.acknowledged_by)
    match page.topic:
        case Topic.TAKEN:
            return f"{who} has it: {incident.id} {incident.title}"
        case Topic.ALL_CLEAR:
            how = f"closed as {incident.closed_as}" if incident.closed_as else "resolved"
            return f"All clear: {incident.id} {how}: {incident.title}"
        case Topic.JOINED:
            return f"{incident.firing} alerts firing now: {incident.id} {incident.title}"
        case Topic.ROLE:
            return f"{background.name(incident.commander)} commands {incident.id}: {incident.title}"
        case _:
            at_level = f" L{page.level}" if page.level else ""
            return f"{incident.severity}{at_level}: {incident.title} [{incident.id}]"


def why_you(page: Page, person: Person, background: Background) -> str:
    """Why this person is told, in one sentence."""
    incident, opened = background.incident, background.opened
    if not page.urgent:
        return "For your information; nothing is asked of you."
    unanswered = [
        background.name(name)
        for item in incident.unanswered
        if item.number < page.round
        for name in item.persons
        if name != person.id
    ]
    silent = f", because {_and(list(dict.fromkeys(unanswered))[:3])} did not answer" if unanswered else ""
    level = f"level {page.level}, {background.policy.levels.get(page.level, '')}".rstrip(", ")
    if opened is not None and opened.cause in _WHY:
        holder = background.name(incident.acknowledged_by)
        return _WHY[opened.cause].format(level=level, holder=holder, id=incident.id)
    return f"{'You, by name' if page.level == 0 else f'You, because you are on call at {level}'}{silent}."


_WHY = {
    ev.Cause.RESOLUTION: "You ({level}), because {holder} has it and it is not resolved.",
    ev.Cause.STALE: "You, because you acknowledged this and nobody has done anything since.",
    ev.Cause.OFFER: "You, because you are asked to take command of {id}; acknowledging accepts.",
    ev.Cause.OFFER_EXPIRED: "You, because a hand-over of command was not accepted in time.",
    ev.Cause.REOPENED: "You, because {id} was resolved and is not over.",
    ev.Cause.ESCALATED: "You ({level}), because this was escalated by hand.",
    ev.Cause.DECLINED: "You ({level}), because the person before you cannot take it.",
    ev.Cause.UNREACHABLE: "You ({level}), because nobody at the level before could be reached.",
}


def what_next(person: Person, background: Background) -> str:
    """What happens if nobody does anything, with the time where the person lives."""
    incident, ahead = background.incident, background.ahead
    if not incident.is_open:
        return "Nothing more will be sent."
    if ahead is None:
        return "Nothing more happens by itself: nobody else will be paged unless a person escalates."
    who = _and([background.name(name) for name in ahead.people][:3]) or "nobody, because nobody is on call"
    return f"Next is {who} at {clock_time(ahead.at, person.timezone)}."


def clock_time(at: datetime, timezone: str) -> str:
    """Hours and minutes where somebody lives, with the zone's name."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:%H:%M} {local.tzname()}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def write_test(page_id: str, person: Person, contact: Contact, base_url: str) -> Message:
    """A page that is plainly a test."""
    text = (
        f"TEST: this is a test page for {person.name}, sent by {contact.channel}.\n\n"
        "Nothing is broken and nothing is asked of you. If you read this, you can be reached this way.\n\n"
        f"{base_url}\nPage {page_id}\n"
    )
    return Message(
        page_id=page_id,
        incident_id="TEST",
        severity=Severity.LOW,
        urgent=True,
        to=contact.address,
        person=person.name,
        subject=f"TEST page for {person.name}: nothing is broken",
        text=text,
        facts={"id": "TEST", "title": "Test page", "topic": "test", "url": base_url},
    )
