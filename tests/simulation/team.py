"""The team that is paged in the simulation: nine people on four levels, three channels, the timings of RULES.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

from tests.unit.domain.promised import POLICY
from tocsin.domain.alerts import Grouping
from tocsin.domain.people import Contact, Notify, Person
from tocsin.domain.policy import Calendar
from tocsin.domain.procedures import Procedures, Service, Site
from tocsin.domain.schedules import Schedule
from tocsin.domain.severity import Severity

CHANNELS = ("email", "sms", "voice")
VERSION = "simulated"
RULES = (Notify("email"), Notify("sms", timedelta(minutes=2)), Notify("voice", timedelta(minutes=5)))

STAFF: dict[int, tuple[str, ...]] = {1: ("ana", "ben"), 2: ("cem", "dee"), 3: ("eva", "fay"), 4: ("gus", "hal")}
UNVERIFIED = "kim"
"""Alone at level 3 of the mill, and nobody ever saw whether messages reach her."""


def _person(name: str, index: int) -> Person:
    """Odd ones are reached by mail alone, so that a refused mail leaves nobody's other channel to hasten."""
    channels = CHANNELS[:1] if index % 2 else CHANNELS
    return Person(
        name,
        name.title(),
        tuple(Contact(channel, f"{name}@example.org", verified=name != UNVERIFIED) for channel in channels),
        tuple(rule for rule in RULES if rule.channel in channels),
    )


PEOPLE = {name: _person(name, index) for staff in STAFF.values() for index, name in enumerate(staff)}
PEOPLE[UNVERIFIED] = _person(UNVERIFIED, 0)

SERVICES: dict[str, dict[int, tuple[str, ...]]] = {
    "shop": STAFF,
    "depot": {**STAFF, 3: ()},
    "yard": {1: (), 2: (), 3: (), 4: STAFF[4]},
    "mill": {**STAFF, 3: (UNVERIFIED,)},
    "ruin": dict.fromkeys(STAFF, ()),
}
"""Who is on call at which level of what. At the depot, the yard and the ruin schedules are empty: a round falls through
to the levels above, then to those below, and at the ruin to everybody there is."""

BY_LABEL = {
    "critical": Severity.CRITICAL,
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "info": Severity.LOW,
}


def _service(name: str) -> Service:
    return Service(
        id=name,
        title=name.title(),
        grouping=Grouping(service=name, by_label=BY_LABEL),
        staffing={level: (f"{name}-{level}",) for level in STAFF},
    )


PROCEDURES = Procedures(
    version=VERSION,
    # The business day opens soon after midnight, so that runs that begin late in the evening reach it.
    policy=replace(POLICY, version=VERSION, calendar=Calendar("UTC", opens=time(0, 20))),
    services={name: _service(name) for name in SERVICES},
    people=PEOPLE,
    schedules={
        f"{name}-{level}": Schedule(f"{name}-{level}", staff)
        for name, levels in SERVICES.items()
        for level, staff in levels.items()
    },
    site=Site(organization="Example", public_url="http://tocsin.example.org"),
)


def falls_to(service: str, level: int) -> list[int]:
    """Levels a round for this level passes, by hand: the level itself, those above, those below, until one has staff
    that can be reached; empty levels are not passed but fallen through."""
    order = [level, *range(level + 1, 5), *range(level - 1, 0, -1)]
    passed = []
    for other in order:
        staff = SERVICES[service][other]
        if staff:
            passed.append(other)
            if staff != (UNVERIFIED,):
                break
    return passed
