"""Responders: who they are, how they are reached, in which order (RULES.md *Who is told*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Role(StrEnum):
    """The five roles of R1; the first is held by at most one person (R2)."""

    COMMANDER = "commander"
    RESPONDER = "responder"
    SME = "sme"
    COMMUNICATIONS = "communications"
    DOCUMENTATION = "documentation"


_BETWEEN_DIGITS = str.maketrans("", "", " ().-")


def dialled(number: str) -> str:
    """A phone number as it is dialled: without what people write between its digits."""
    return number.translate(_BETWEEN_DIGITS)


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach a person.

    Args:
        channel: name of the channel in the registry, such as "email".
        address: what that channel sends to: a mail address, a number, a URL.
        verified: whether the person has shown that they receive it.
    """

    channel: str
    address: str
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Notify:
    """One notification rule: use this channel, this long after the page was opened, until acknowledged."""

    channel: str
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Person:
    """A responder.

    Args:
        id: short name used everywhere, such as "ana".
        name: the name people read.
        contacts: every way to reach them.
        rules: in which order, and how long after one another, the contacts are used.
        quiet: channel for posts (told without waking).
        timezone: IANA zone for the times they are shown.
    """

    id: str
    name: str
    contacts: tuple[Contact, ...] = ()
    rules: tuple[Notify, ...] = ()
    quiet: str = "email"
    timezone: str = "UTC"

    def reached_by(self, channel: str) -> Contact | None:
        """The contact for a channel, a verified one first; None when there is none."""
        found = [contact for contact in self.contacts if contact.channel == channel]
        return next((contact for contact in found if contact.verified), found[0] if found else None)


@dataclass(frozen=True, slots=True)
class Roster:
    """Who could be told right now; read live for every round and handed to the core as a fact.

    Args:
        levels: people on call at each level at that instant; an empty tuple when nobody is.
        people: everyone by id, for people addressed by name (whoever acknowledged, the commander).
    """

    levels: Mapping[int, tuple[Person, ...]] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
