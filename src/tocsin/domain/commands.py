"""What is asked of an incident: imperative, frozen, and carrying every fact a decision needs.

`at` is when it is decided, `policy` the timings the incident is bound to, `roster` who could be told right now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tocsin.domain.events import SYSTEM, Actor, PageResult
from tocsin.domain.people import Role, Roster
from tocsin.domain.policy import Policy
from tocsin.domain.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command carries."""

    at: datetime
    actor: Actor = SYSTEM
    policy: Policy
    roster: Roster = field(default_factory=Roster)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declare(Command):
    """Begin an incident: `origin` is "alert" or "person"."""

    id: str
    title: str
    service: str
    group: str
    severity: Severity
    origin: str
    recurrence_of: str = ""
    impact: str = ""
    symptoms: str = ""
    users: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachAlerts(Command):
    """Tell the incident what one commit did to its alerts.

    Args:
        new: alerts that were not known.
        refired: alerts known to this incident that had cleared.
        cleared: alerts that are over.
        worst: the worst severity among the new ones; None when there are none.
        fingerprints: short hex of some of them, for the timeline.
    """

    new: int = 0
    refired: int = 0
    cleared: int = 0
    worst: Severity | None = None
    fingerprints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge(Command):
    """A person has it. `round` is the one their link was sent with; None from a screen that shows the newest."""

    person: str
    round: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSeverity(Command):
    """Set or confirm the severity."""

    severity: Severity
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate(Command):
    """Page a higher level now: the next, or the one named (decision O)."""

    why: str
    level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(Command):
    """Give a role to a person."""

    role: Role
    person: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept(Command):
    """Take over the role one was offered."""

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline(Command):
    """Say that one cannot take it."""

    person: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Command):
    """Write something down."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPages(Command):
    """Record what became of sends."""

    results: tuple[PageResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpLevel(Command):
    """Nobody a round addressed at this level can be reached by any channel."""

    round: int
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve(Command):
    """Call it over, with a signed statement; `take_command` makes whoever resolves the commander first."""

    why: str
    take_command: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Command):
    """Close without a fix."""

    closed_as: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen(Command):
    """It is not over after all."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Command):
    """Time has passed; do what is owed."""
