"""What `people.yaml` may say: who responds, how they are reached, and when they are on call."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from tocsin.domain.rounds import VOICE
from tocsin.procedures.fields import (
    Channel,
    Date,
    Days,
    Id,
    Line,
    SpanFromZero,
    Strict,
    TimeOfDay,
    Zone,
    as_written,
    is_mail_address,
    is_phone_number,
    is_slack_member,
    is_web_address,
    nearest,
    shown,
    wrong,
)
from tocsin.procedures.services_file import Staffing


class ContactMethod(Strict):
    """One way to reach a person."""

    channel: Channel
    """What carries it: email, sms, voice, slack, webhook or console."""
    address: Line
    """Where to: a mail address; a number with its country for sms and voice; for slack the id of the member who is
    mentioned, or -; a web address; for the console any name."""
    verified: bool = True
    """false until the person has shown that they receive it; `tocsin test-page PERSON` is how."""

    @model_validator(mode="after")
    def _address_fits(self) -> Self:
        if self.channel == "email" and not is_mail_address(self.address):
            raise wrong(f"{shown(self.address)} is not a mail address; write name@example.org", "address")
        if self.channel == "webhook" and not is_web_address(self.address):
            raise wrong(f"{shown(self.address)} is not a web address; write https://…", "address")
        if self.channel in {"sms", "voice"} and not is_phone_number(self.address):
            told = f"{shown(self.address)} is not a phone number with its country; write it like '+15550100001'"
            raise wrong(told, "address")
        if self.channel == "slack" and not is_slack_member(self.address):
            told = f"{shown(self.address)} is not a Slack member's id; write it like U012AB3CD, or - to mention nobody"
            raise wrong(told, "address")
        return self


class Rule(Strict):
    """Use this channel, this long after the page was opened, unless it has been acknowledged by then."""

    channel: Channel
    after: SpanFromZero = as_written("0")


class PersonRules(Strict):
    """A responder."""

    name: Line
    """The name people read."""
    timezone: Zone | None = None
    """The zone of the times they are shown; the team's when left out."""
    contacts: Annotated[tuple[ContactMethod, ...], Field(min_length=1)]
    """Every way to reach them."""
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] | None = None
    """Which contacts to use and when, until they acknowledge; the first contact at once when left out."""
    quiet: Channel | None = None
    """The channel for what must not wake them; that of the first contact that is no call when left out."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not any(contact.verified for contact in self.contacts):
            raise wrong(
                "none of them is verified; try one with `tocsin test-page`, then write verified: true", "contacts"
            )
        has = tuple(dict.fromkeys(contact.channel for contact in self.contacts))
        for position, contact in enumerate(self.contacts):
            if contact.channel in {before.channel for before in self.contacts[:position]}:
                told = f"{contact.channel!r} has an address already, and only one is used; keep the one that wakes them"
                raise wrong(told, "contacts", position, "channel")
        for position, rule in enumerate(self.rules or ()):
            if rule.channel not in has:
                raise wrong(_no_contact(rule.channel, has), "rules", position, "channel")
            if rule.channel in {before.channel for before in (self.rules or ())[:position]}:
                told = f"{rule.channel!r} has a rule already, and a round uses a channel once; keep one of the two"
                raise wrong(told, "rules", position, "channel")
        if self.quiet == VOICE:
            raise wrong("a call always wakes; name a channel that is read, or leave it out", "quiet")
        if self.quiet is not None and self.quiet not in has:
            raise wrong(_no_contact(self.quiet, has), "quiet")
        return self


def _no_contact(channel: str, has: tuple[str, ...]) -> str:
    return f"{channel!r} has no address among this person's contacts; add one, or {nearest(channel, has)}"


class CoverageHours(Strict):
    """The local hours in which a schedule has anybody at all."""

    days: Days
    """mon-fri, or a list such as [mon, wed, sat]."""
    opens: TimeOfDay
    closes: TimeOfDay
    """At or before `opens` means the next morning."""


def _branch(value: object) -> str:
    return "words" if isinstance(value, str) else "hours"


Coverage = Annotated[
    Annotated[CoverageHours, Tag("hours")] | Annotated[Literal["business hours"], Tag("words")],
    Discriminator(_branch),
]


class ScheduleRules(Strict):
    """A rotation of people."""

    people: Annotated[tuple[Id, ...], Field(min_length=1)]
    """Ids of people, in the order of their turns."""
    rotation: Literal["always", "daily", "weekly"] = "always"
    """always: everybody named, at once. daily, weekly: one after the other."""
    starts_on: Date = as_written("2026-01-05")
    """When the first person's first turn began; with weekly turns its day of the week is the day of hand-over."""
    handover: TimeOfDay = as_written("09:00")
    """When the next person takes over."""
    timezone: Zone | None = None
    """The zone of these times; the team's when left out."""
    coverage: Coverage | None = None
    """The hours with anybody at all, or "business hours"; round the clock when left out. Outside them a page goes to
    the next level at once."""


class PeopleFile(Strict):
    """The file `people.yaml`: who responds, how they are reached, and when they are on call."""

    people: Annotated[dict[Id, PersonRules], Field(min_length=1)]
    """By a short id that is used everywhere, such as ana."""
    schedules: Annotated[dict[Id, ScheduleRules], Field(min_length=1)]
    """By name."""
    staffing: Staffing
    """Which schedules staff each level, unless `services.yaml` says otherwise for a service."""
