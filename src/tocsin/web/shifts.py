"""Who is on call at each level right now, and when that changes: the view behind /oncall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.domain.procedures import Procedures
from tocsin.domain.schedules import Override, next_change, on_call


@dataclass(frozen=True, slots=True)
class Shift:
    """One schedule at one level.

    Args:
        level: 1 to 4.
        title: what people call the level.
        schedule: name of the schedule; empty when the level has none.
        people: ids on call now.
        until: when that changes; None when it never does.
        then: ids on call after that.
    """

    level: int
    title: str
    schedule: str
    people: tuple[str, ...]
    until: datetime | None
    then: tuple[str, ...]


def shifts(procedures: Procedures, service: str, at: datetime, overrides: Sequence[Override]) -> list[Shift]:
    """Every schedule that staffs a service, by level.

    Args:
        procedures: those in force.
        service: id of the service.
        at: the instant.
        overrides: all there are.
    """
    staffing = procedures.services[service].staffing
    found = []
    for level, title in sorted(procedures.policy.levels.items()):
        names = staffing.get(level, ())
        for name in names:
            schedule = procedures.schedules[name]
            until = next_change(schedule, at, overrides)
            then = on_call(schedule, until, overrides) if until else ()
            found.append(Shift(level, title, name, on_call(schedule, at, overrides), until, then))
        if not names:
            found.append(Shift(level, title, "", (), None, ()))
    return found
