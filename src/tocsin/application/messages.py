"""What a page says: id, severity, title, why you, what happens next, and the link (RULES.md *Who is told*)."""

from __future__ import annotations

from collections import Counter
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
from tocsin.domain.severity import UNKNOWN, Severity

_NAMED = 3
"""More names than these make a sentence nobody reads at night."""
_SUBJECT = 120


@dataclass(frozen=True, slots=True)
class Background:
    """What a message is written from.

    Args:
        incident: as it stands now.
        at: when the message is written.
        event: what the message follows from; None when that cannot be said.
        names: person ids to names.
        ahead: what time will do next; None when nothing.
        policy: the timings in force, for level names.
        base_url: how people reach the pages.
        link: the acknowledge link.
    """

    incident: Incident
    at: datetime
    event: ev.Event | None
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
    lines = [subject, "", *([incident.title, ""] if len(incident.title) > _SUBJECT else []), why, following, ""]
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
    match page.topic:
        case Topic.TAKEN:
            return f"{_taker(background)} has it: {incident.id} {incident.title}"
        case Topic.ALL_CLEAR:
            how = f"closed as {incident.closed_as}" if incident.closed_as else "resolved"
            return f"All clear: {incident.id} {how}: {incident.title}"
        case Topic.JOINED:
            return f"{incident.firing} alerts firing now: {incident.id} {incident.title}"
        case Topic.ROLE:
            return f"{_assigned(background)} {incident.id}: {incident.title}"
        case _:
            at_level = f" L{page.level}" if page.level else ""
            return f"{incident.severity}{at_level}: {_short(incident.title)} [{incident.id}]"


def _short(title: str) -> str:
    """A title that leaves the rest of a subject to be seen; the message has it whole."""
    return title if len(title) <= _SUBJECT else f"{title[: _SUBJECT - 1]}…"


def _taker(background: Background) -> str:
    """Who had it when this was to be told; by now it may be somebody else, or nobody."""
    event = background.event
    return background.name(event.person) if isinstance(event, ev.Acknowledged) else "Somebody"


def _assigned(background: Background) -> str:
    event = background.event
    if not isinstance(event, ev.RoleAssigned):
        return "Roles have changed in"
    return f"{background.name(event.person)} is now {event.role} of"


def why_you(page: Page, person: Person, background: Background) -> str:
    """Why this person is told, in one sentence."""
    incident, event = background.incident, background.event
    if isinstance(event, ev.RoleAssigned) and event.person == person.id:
        return f"You, because you are {event.role} of {incident.id} now; if you cannot be, give the role to another."
    if not page.urgent:
        return "For your information; nothing is asked of you."
    at_level = f"level {page.level}, {background.policy.levels.get(page.level, '')}".rstrip(", ")
    if isinstance(event, ev.RoundOpened) and event.cause in _WHY:
        you = f"You ({at_level})" if page.level else "You"
        holder = background.name(incident.acknowledged_by) or "somebody"
        return f"{you}, because {_WHY[event.cause].format(holder=holder, id=incident.id, severity=incident.severity)}."
    you = f"You ({at_level})" if page.level else "You, by name"
    silent = _silent(page, person, background)
    if silent:
        return f"{you}, because {silent}."
    return f"You, because you are on call at {at_level}." if page.level else f"{you}."


def _silent(page: Page, person: Person, background: Background) -> str:
    """Who was paged before and did not answer; of one alone how often, too."""
    rounds = [item.persons for item in background.incident.unanswered if item.number < page.round]
    counts = Counter(name for persons in rounds for name in persons if name != person.id)
    if not counts:
        return ""
    names = _several(background, tuple(counts))
    often = next(iter(counts.values())) if len(counts) == 1 else 1
    return f"{names} did not answer" + (f" {often} messages" if often > 1 else "")


_WHY = {
    ev.Cause.RESOLUTION: "{holder} has it and it is not resolved",
    ev.Cause.STALE: "you acknowledged this and nobody has done anything since",
    ev.Cause.SEVERITY: "this was raised to {severity}",
    ev.Cause.REFIRE: "this fires again, and nobody has it",
    ev.Cause.OFFER: "you are asked to take command of {id}; acknowledging accepts",
    ev.Cause.OFFER_EXPIRED: "a hand-over of command was not accepted in time",
    ev.Cause.REOPENED: "{id} was resolved and is not over",
    ev.Cause.ESCALATED: "this was escalated by hand",
    ev.Cause.DECLINED: "the person before you cannot take it",
    ev.Cause.UNREACHABLE: "nobody at the level before could be reached",
}


def what_next(person: Person, background: Background) -> str:
    """What happens if nobody does anything, with the time where the person lives."""
    incident, ahead = background.incident, background.ahead
    if not incident.is_open:
        return "Nothing more will be sent."
    if ahead is None:
        return "Nothing more happens by itself: nobody else will be paged unless a person escalates."
    when = clock_time(ahead.at, person.timezone, background.at)
    if ahead.people:
        return f"Next is {_several(background, ahead.people)} at {when}."
    if ahead.posts:
        return f"Next, {_several(background, ahead.posts)} will be told without being woken, at {when}."
    return f"Next is nobody at {when}, because nobody is on call."


def _several(background: Background, people: tuple[str, ...]) -> str:
    more = [f"{len(people) - _NAMED} more"] if len(people) > _NAMED else []
    return _and([background.name(person) for person in people[:_NAMED]] + more)


def clock_time(at: datetime, timezone: str, now: datetime) -> str:
    """Hours and minutes where somebody lives, with the zone's name, and the date when it is not today's."""
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    date = "" if local.date() == now.astimezone(zone).date() else f"{local:%Y-%m-%d} "
    return f"{date}{local:%H:%M} {local.tzname()}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def write_plainly(page: Page, person: Person, contact: Contact, incident: Incident | None, link: str) -> Message:
    """A message with what is certain, when its rules or its words cannot be worked out: better plain than never.

    Args:
        page: what is sent.
        person: to whom.
        contact: by which way.
        incident: None when it cannot be read.
        link: the acknowledge link.
    """
    severity = incident.severity if incident else UNKNOWN
    title = incident.title if incident else "it cannot be read, so look at it"
    why = "You, because Tocsin could not work out who is next or what to say: treat this as not answered by anybody."
    subject = f"{severity}: {title} [{page.incident_id}]"
    lines = [subject, "", why, "", f"Acknowledge: {link}" if page.urgent else "", f"Page {page.id}"]
    return Message(
        page_id=page.id,
        incident_id=page.incident_id,
        severity=severity,
        urgent=page.urgent,
        to=contact.address,
        person=person.name,
        subject=subject,
        text="\n".join(lines) + "\n",
        facts={
            "id": page.incident_id,
            "title": title,
            "severity": severity.value,
            "topic": page.topic.value,
            "why": why,
            "link": link if page.urgent else "",
        },
    )


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
