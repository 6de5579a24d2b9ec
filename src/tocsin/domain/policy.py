"""The timings an incident is bound to: ladders, stale acknowledgements, grouping windows (RULES.md *Two clocks*).

Every number here is data from a procedures pack; the code knows only the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from tocsin.domain.severity import Severity


class Wait(Enum):
    """A wait that is not a fixed span."""

    NEXT_BUSINESS_DAY = "next business day"


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the team works, for everything that waits for a business day (R11, R96).

    Args:
        timezone: IANA name of the team's zone.
        workdays: ISO weekdays, Monday is 1.
        opens: local time at which a business day starts.
        holidays: local dates on which nobody works.
    """

    timezone: str = "UTC"
    workdays: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    opens: time = time(9)
    holidays: frozenset[date] = frozenset()

    def next_business_day(self, at: datetime) -> datetime:
        """The start of the first business day after the local date of `at`, in UTC."""
        zone = ZoneInfo(self.timezone)
        day = at.astimezone(zone).date() + timedelta(days=1)
        while day.isoweekday() not in self.workdays or day in self.holidays:
            day += timedelta(days=1)
        return datetime.combine(day, self.opens, zone).astimezone(ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder.

    Args:
        after: span since the ladder's anchor, or `Wait.NEXT_BUSINESS_DAY`.
        page: levels that are woken.
        post: levels that are told without waking.
        channels: the only channels to use, None for each person's own rules.
    """

    after: timedelta | Wait
    page: tuple[int, ...] = ()
    post: tuple[int, ...] = ()
    channels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """What one severity is owed, and when.

    Args:
        respond_within: target for the first acknowledgement by a person (R8-R11).
        unacknowledged: the first ladder, climbed while nobody has acknowledged.
        repeat_every: after its last rung all its levels are paged together at this interval; None ends there.
        acknowledged: the resolution ladder, climbed while someone has it and it is not resolved.
        stale_after: silence after which whoever acknowledged is paged again; None never.
        void_after: further silence after which the acknowledgement is void.
        climbs_when_clear: whether the first ladder goes on when every alert has cleared.
        update_every: cadence of internal updates (R82); None as needed.
        voice: whether a call may be made.
    """

    respond_within: timedelta | Wait
    unacknowledged: tuple[Rung, ...]
    repeat_every: timedelta | None
    acknowledged: tuple[Rung, ...]
    stale_after: timedelta | None
    void_after: timedelta
    climbs_when_clear: bool
    update_every: timedelta | None
    voice: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules one incident runs by, pinned to the procedures it was declared under.

    Args:
        version: hash of the procedures these rules come from.
        timings: what each severity is owed.
        levels: the names of levels 1 to 4, for people.
        calendar: business days.
        default_level: who is paged when nothing else is known.
        reopen_within: a group that fires again this soon after resolution reopens its incident.
        flaps: this many re-fires within `flap_window` mark an incident as flapping.
        flap_window: see `flaps`.
        offer_within: a hand-over not accepted by then pages both people.
    """

    version: str
    timings: Mapping[Severity, Timings]
    levels: Mapping[int, str]
    calendar: Calendar = field(default_factory=Calendar)
    default_level: int = 1
    reopen_within: timedelta = timedelta(minutes=30)
    flaps: int = 3
    flap_window: timedelta = timedelta(minutes=30)
    offer_within: timedelta = timedelta(minutes=15)
