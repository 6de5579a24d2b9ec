"""What happened to an incident: past tense, frozen, the truth everything else is folded from.

Fields named in `texts` are words of people or senders. The store keeps them beside the log and puts only their salted
hash on it, so that a text can be redacted without breaking the chain (ARCHITECTURE.md *Engine and storage*).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tocsin.domain.people import Role
from tocsin.domain.severity import Severity


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it and how we know (RULES.md *Identity and procedures*).

    Args:
        by: "person:ana", "integration:prometheus" or "system".
        authenticated_by: token, session, link, sms, voice, chat, local, integration or system.
        claimed: the person was named with `--as`: good for the record, never for a signature.
    """

    by: str
    authenticated_by: str
    claimed: bool = False

    @property
    def person(self) -> str | None:
        """The id of the person who acted; None when no person did."""
        kind, _, name = self.by.partition(":")
        return name if kind == "person" else None


SYSTEM = Actor("system", "system")


class Cause(StrEnum):
    """Why a round was opened."""

    LADDER = "ladder"
    RESOLUTION = "resolution"
    STALE = "stale"
    SEVERITY = "severity"
    REFIRE = "refire"
    REOPENED = "reopened"
    ESCALATED = "escalated"
    UNREACHABLE = "unreachable"
    OFFER = "offer"
    OFFER_EXPIRED = "offer-expired"
    DECLINED = "declined"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Way:
    """One channel a person is tried on, this many seconds after the round opened."""

    channel: str
    after_s: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """One person a round wakes or tells, and how.

    Args:
        person: id.
        level: the level they are on call for; 0 when they are addressed by name.
        ways: channels in the order of their notification rules.
    """

    person: str
    level: int
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries."""

    texts: ClassVar[tuple[str, ...]] = ()

    at: datetime
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared(Event):
    """An incident began (R19, R26)."""

    texts: ClassVar[tuple[str, ...]] = ("title", "impact", "symptoms", "users")

    id: str
    title: str
    service: str
    group: str
    severity: Severity
    origin: str
    procedures: str
    recurrence_of: str = ""
    impact: str = ""
    symptoms: str = ""
    users: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsAttached(Event):
    """Alerts joined or fired again; one event per incident and commit, however many alerts it was."""

    new: int
    refired: int
    fingerprints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JoiningPosted(Event):
    """Whoever has it was told of the alerts that joined within a minute of the last such post."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsCleared(Event):
    """Senders said that alerts are over. `held` says that the first ladder now waits for them to fire again."""

    cleared: int
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """Alerts fired again after all had cleared: the first ladder goes on at the rung where it was held."""

    held_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlappingMarked(Event):
    """Three flaps within the window: after this one, re-fires open no new rounds."""

    flaps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOpened(Event):
    """People are owed a page.

    Args:
        round: its number within the incident, from 1.
        cause: why it was opened.
        rung: steps of the ladder taken with this one; None when no ladder moved.
        targets: who is woken.
        posts: who is told without waking.
        levels: levels this step stands for, before anything fell through.
        fell_through: pairs of an empty level and the one paged in its place (decision E).
        unverified: levels where nobody has a verified way to be reached.
    """

    round: int
    cause: Cause
    rung: int | None = None
    targets: tuple[Target, ...] = ()
    posts: tuple[Target, ...] = ()
    levels: tuple[int, ...] = ()
    fell_through: tuple[tuple[int, int], ...] = ()
    unverified: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(Event):
    """A person has seen it and acts.

    Args:
        person: who.
        rounds: what this answers: none of their sends may start from here on.
        taken: the incident is theirs now; False when somebody else has it already.
    """

    person: str
    rounds: tuple[int, ...]
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementVoided(Event):
    """Whoever acknowledged fell silent: the first ladder resumes (RULES.md *Acknowledgements go stale*)."""

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityChanged(Event):
    """The level was changed or confirmed; every deadline is recomputed (R16).

    Args:
        was: before.
        severity: now.
        raised: whether a new climb starts from the first level of the new severity.
        rung: steps of the first ladder that count as taken under the new severity.
        resolution_rung: the same for the resolution ladder.
    """

    texts: ClassVar[tuple[str, ...]] = ("why",)

    was: Severity
    severity: Severity
    raised: bool
    rung: int
    resolution_rung: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated(Event):
    """A person asked for a higher level (R79)."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    level: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleOffered(Event):
    """Somebody is asked to take a role over; whoever has it keeps it until they accept."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    role: Role
    person: str
    round: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssigned(Event):
    """A role has a new holder (R2)."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    role: Role
    person: str
    was: str = ""
    acting: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined(Event):
    """A person cannot take it; the next is paged at once."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    person: str
    role: Role | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Event):
    """Somebody wrote something down."""

    texts: ClassVar[tuple[str, ...]] = ("text",)

    text: str


@dataclass(frozen=True, slots=True)
class PageResult:
    """What became of one page.

    Args:
        page: its id.
        state: accepted, delivered, failed or exhausted.
    """

    page: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesReported(Event):
    """Results of sends, in batches, so that the chain knows what went out."""

    results: tuple[PageResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelUnreachable(Event):
    """Every channel to everybody a round addressed at a level failed for good."""

    round: int
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Event):
    """It is over, by the signed statement of whoever commands (until checks exist)."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseProposed(Event):
    """A CRITICAL incident is closed without a fix only when a second person says the same."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    closed_as: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Event):
    """Closed without a fix: false-alarm, duplicate or merged; no review, left out of the metrics."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    closed_as: str
    why: str
    cosigner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Event):
    """It was not over: back into remediation, level clocks restart, signatures are void."""

    texts: ClassVar[tuple[str, ...]] = ("why",)

    why: str = ""
    by_alert: bool = False
