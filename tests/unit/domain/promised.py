"""The promise of RULES.md *Two clocks*, written down by hand, and four people to keep it with: one for each level."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from tocsin.domain.events import Actor
from tocsin.domain.people import Contact, Person, Roster
from tocsin.domain.policy import Calendar, Policy, Rung, Timings, Wait
from tocsin.domain.severity import Severity

START = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)
"""A Thursday afternoon."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


NOW = timedelta(0)

TIMINGS: Mapping[Severity, Timings] = {
    Severity.CRITICAL: Timings(
        respond_within=minutes(5),
        unacknowledged=(
            Rung(NOW, page=(2,), post=(1,)),
            Rung(minutes(5), page=(3,)),
            Rung(minutes(10), page=(4,)),
        ),
        repeat_every=minutes(10),
        acknowledged=(Rung(minutes(15), page=(3,)), Rung(hours(4), page=(4,))),
        stale_after=minutes(10),
        void_after=minutes(5),
        climbs_when_clear=True,
        update_every=minutes(5),
        voice=True,
    ),
    Severity.HIGH: Timings(
        respond_within=minutes(15),
        unacknowledged=(
            Rung(NOW, page=(1,)),
            Rung(minutes(15), page=(2,)),
            Rung(minutes(30), page=(3,)),
            Rung(minutes(45), page=(4,)),
        ),
        repeat_every=minutes(15),
        acknowledged=(
            Rung(minutes(15), post=(2,)),
            Rung(minutes(30), page=(2,)),
            Rung(hours(2), page=(3,)),
            Rung(hours(4), page=(4,)),
        ),
        stale_after=minutes(30),
        void_after=minutes(5),
        climbs_when_clear=False,
        update_every=minutes(15),
        voice=True,
    ),
    Severity.MEDIUM: Timings(
        respond_within=hours(1),
        unacknowledged=(Rung(NOW, page=(1,)), Rung(hours(1), page=(1, 2))),
        repeat_every=None,
        acknowledged=(Rung(hours(2), page=(2,)), Rung(hours(4), page=(3,))),
        stale_after=hours(2),
        void_after=minutes(5),
        climbs_when_clear=False,
        update_every=minutes(30),
        voice=False,
    ),
    Severity.LOW: Timings(
        respond_within=Wait.NEXT_BUSINESS_DAY,
        unacknowledged=(Rung(Wait.NEXT_BUSINESS_DAY, page=(1,), channels=("email",)),),
        repeat_every=None,
        acknowledged=(),
        stale_after=None,
        void_after=minutes(5),
        climbs_when_clear=False,
        update_every=None,
        voice=False,
    ),
}

LEVELS = {1: "Tier 1 support", 2: "Tier 2 engineers", 3: "Development team", 4: "Management"}

POLICY = Policy(version="by hand", timings=TIMINGS, levels=LEVELS, calendar=Calendar("UTC", opens=time(9)))


def person(name: str, *channels: str, verified: bool = True) -> Person:
    """Somebody with these channels, or with all three when none is named."""
    used = channels or ("email", "sms", "voice")
    return Person(name, name.title(), tuple(Contact(channel, f"{name}@example.org", verified) for channel in used))


ANA, BO, CEM, DEE = (person(name) for name in ("ana", "bo", "cem", "dee"))
PEOPLE = {who.id: who for who in (ANA, BO, CEM, DEE)}
ROSTER = Roster(levels={1: (ANA,), 2: (BO,), 3: (CEM,), 4: (DEE,)}, people=PEOPLE)


def signed_in(name: str) -> Actor:
    """A person who showed who they are."""
    return Actor(f"person:{name}", "session")


def claimed(name: str) -> Actor:
    """A person named with `--as`."""
    return Actor(f"person:{name}", "local", claimed=True)


MONITOR = Actor("integration:alertmanager", "integration")
