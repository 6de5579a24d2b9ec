"""What an incident still waits for an answer to: rounds, and offers of a role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.domain.events import Cause
from tocsin.domain.people import Role

POST_EVERY = timedelta(minutes=1)
"""Whoever has the incident hears of joining alerts at most this often."""


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round nobody has answered yet.

    Args:
        persons: whom it woke, without those who said that they cannot take it.
        level: the highest level it woke; 0 when it was for people by name.
    """

    number: int
    cause: Cause
    persons: tuple[str, ...]
    level: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A role somebody was asked to take over."""

    role: Role
    person: str
    giver: str
    round: int
    at: datetime
    expired: bool = False
