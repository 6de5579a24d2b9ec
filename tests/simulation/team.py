"""The team that is paged in the simulation: eight people on four levels, three channels, the timings of RULES.md."""

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

STAFF = {1: ("ana", "ben"), 2: ("cem", "dee"), 3: ("eva", "fay"), 4: ("gus", "hal")}


def _person(name: str, index: int) -> Person:
    """Odd ones are reached by mail alone, so that a refused mail leaves nobody's other channel to hasten."""
    channels = CHANNELS[:1] if index % 2 else CHANNELS
    return Person(
        name,
        name.title(),
        tuple(Contact(channel, f"{name}@example.org") for channel in channels),
        tuple(rule for rule in RULES if rule.channel in channels),
    )


PEOPLE = {name: _person(name, index) for staff in STAFF.values() for index, name in enumerate(staff)}

BY_LABEL = {
    "critical": Severity.CRITICAL,
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "info": Severity.LOW,
}


def _service(name: str, levels: tuple[int, ...]) -> Service:
    return Service(
        id=name,
        title=name.title(),
        grouping=Grouping(service=name, by_label=BY_LABEL),
        staffing={level: (f"level-{level}",) if level in levels else () for level in STAFF},
    )


PROCEDURES = Procedures(
    version=VERSION,
    # The business day opens soon after midnight, so that runs that begin late in the evening reach it.
    policy=replace(POLICY, version=VERSION, calendar=Calendar("UTC", opens=time(0, 20))),
    services={service.id: service for service in (_service("shop", (1, 2, 3, 4)), _service("depot", (1, 2, 4)))},
    people=PEOPLE,
    schedules={f"level-{level}": Schedule(f"level-{level}", staff) for level, staff in STAFF.items()},
    site=Site(organization="Example", public_url="http://tocsin.example.org"),
)
"""The depot has nobody at level 3: its rounds fall through."""
