"""What the use cases need from the outside, as protocols; adapters below bootstrap implement them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from tocsin.application.rooms import Accounts, Alerts, Crowds, Incidents, Pages, Receipts
from tocsin.domain.severity import Severity

T = TypeVar("T")


class Clock(Protocol):
    """Where the time comes from; the simulator hands in a virtual one."""

    def now(self) -> datetime:
        """The present instant, aware UTC, never before an earlier answer."""
        ...


@dataclass(frozen=True, slots=True)
class Answering:
    """How a provider that calls back reaches this page again; bound to it, and so to its person and round.

    Args:
        base_url: how the provider reaches this server.
        until: when what comes back is too old to count, in seconds of Unix time; goes into the addresses it calls.
        code: the digits that a text reply must name; empty when nothing is asked.
    """

    base_url: str
    until: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One page or post, written and addressed, ready for a channel.

    Args:
        page_id: the page's id; passed on as idempotency key, and printed so that a duplicate is recognised.
        incident_id: such as INC-20261122-214214.
        severity: of the incident when the message was written.
        urgent: True for a page, False for a post (told without waking).
        to: the contact's address on this channel.
        person: name of the person it goes to.
        subject: one line.
        text: the whole message in plain text, with the links in it.
        facts: the same as data, for channels that carry structure (id, title, why, next, link …).
        carries: ids of the pages it tells of, when there are several; the first is `page_id`.
        answering: how the provider tells us what became of it; None when it cannot reach us.
    """

    page_id: str
    incident_id: str
    severity: Severity
    urgent: bool
    to: str
    person: str
    subject: str
    text: str
    facts: dict[str, str] = field(default_factory=dict)
    carries: tuple[str, ...] = ()
    answering: Answering | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message.

    Args:
        provider_id: what the provider calls it; empty when it says nothing.
        delivered: True only when the channel itself proves delivery; a mail server's 250 does not.
        word_within: how soon the provider is to say what became of it, before the person's other ways are tried; None
            when it never says.
        again_after: how much later it goes out once more, unless it was answered (calls come in pairs, RULES.md).
    """

    provider_id: str = ""
    delivered: bool = False
    word_within: timedelta | None = None
    again_after: timedelta | None = None


class Outcome(StrEnum):
    """What became of a message that a provider took."""

    DELIVERED = "delivered"
    """The person's device has it, or the person showed that they heard it."""
    FAILED = "failed"
    """It did not arrive."""
    UNHEARD = "unheard"
    """It arrived, and nothing shows that a person took notice: a call was answered and no key was pressed."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a provider says became of a message it took.

    Args:
        provider_id: what it calls the message.
        outcome: what became of it.
        detail: why it did not arrive, for a person.
        permanent: whether trying the same again cannot help.
    """

    provider_id: str
    outcome: Outcome
    detail: str = ""
    permanent: bool = False


class ChannelError(Exception):
    """The provider did not take the message.

    Args:
        detail: what happened, for a person.
        permanent: True when trying the same again cannot help, so the next channel is due at once.
    """

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent


class Channel(Protocol):
    """One way out. Implementations are thread-safe and keep their connections between sends."""

    def send(self, message: Message, deadline: float) -> Receipt:
        """Hand one message to the provider.

        Args:
            message: what to send.
            deadline: seconds this may take at most; the channel gives up by then.

        Raises:
            ChannelError: the provider refused, failed or did not answer in time.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Transaction(Protocol):
    """Everything one transaction can touch."""

    @property
    def incidents(self) -> Incidents:
        """Incidents in this transaction."""
        ...

    @property
    def alerts(self) -> Alerts:
        """Alerts in this transaction."""
        ...

    @property
    def pages(self) -> Pages:
        """Pages in this transaction."""
        ...

    @property
    def crowds(self) -> Crowds:
        """Pages by whom they reach, in this transaction."""
        ...

    @property
    def receipts(self) -> Receipts:
        """What providers say of pages, in this transaction."""
        ...

    @property
    def accounts(self) -> Accounts:
        """Accounts in this transaction."""
        ...

    def attempt(self, work: Callable[[], None]) -> Exception | None:
        """Run `work` so that what goes wrong in it leaves no trace, and this transaction goes on.

        Returns:
            What was raised; None when nothing was. What ends the transaction as a whole (the database is out of reach,
            another node was quicker) is not answered but raised.
        """
        ...

    def next_tick_at(self) -> datetime | None:
        """When the earliest incident timer runs out."""
        ...

    def newest_event_at(self) -> datetime | None:
        """When the newest event happened, as near as the incidents tell; None when there is none."""
        ...


class Database(Protocol):
    """Where everything is kept."""

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction and return once it is on disk.

        Raises:
            UnavailableError: the database is out of reach; nothing was changed.
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a consistent snapshot; it must not write."""
        ...

    def now(self) -> datetime:
        """The database's idea of the time, aware UTC; what every node agrees on."""
        ...

    def clock_step(self) -> timedelta:
        """How far the system's clock was set away from `now`; a step is reported and never followed."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
