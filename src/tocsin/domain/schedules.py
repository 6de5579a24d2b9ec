"""Who is on call when: daily and weekly rotations, coverage hours, overrides."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_PERIODS = {"daily": _DAY, "weekly": 7 * _DAY}


@dataclass(frozen=True, slots=True)
class Coverage:
    """The local hours in which a schedule has anybody at all; outside them it is empty and falls through (decision E).

    Args:
        days: ISO weekdays, Monday is 1.
        opens: local time of day at which the coverage starts.
        closes: local time of day at which it ends; at or before `opens` means the next morning.
    """

    days: frozenset[int]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rotation of people.

    Args:
        id: name used in procedures and overrides.
        people: person ids in the order of the rotation; everyone at once when `rotation` is "always".
        rotation: "always", "daily" or "weekly".
        starts_on: local date of the first person's first shift; for a weekly rotation its weekday is the hand-over day.
        handover: local time of day at which the next person takes over.
        timezone: IANA zone of the above.
        coverage: hours with anybody at all; None is round the clock.
    """

    id: str
    people: tuple[str, ...]
    rotation: str = "always"
    starts_on: date = date(2026, 1, 5)
    handover: time = time(9)
    timezone: str = "UTC"
    coverage: Coverage | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody stands in: for its span `person` alone is on call in the schedule, whatever rotation and coverage say.

    Args:
        id: its name, for removing it.
        schedule: the schedule it changes.
        person: who is on call instead.
        starts_at: aware UTC, inclusive.
        ends_at: aware UTC, exclusive.
    """

    id: str
    schedule: str
    person: str
    starts_at: datetime
    ends_at: datetime


def on_call(schedule: Schedule, at: datetime, overrides: Iterable[Override] = ()) -> tuple[str, ...]:
    """Say who is on call in a schedule at an instant.

    An override wins over everything; of several the one that starts last, then the one whose id sorts last. Before
    `starts_on` the first person of a rotation is on call already, so that new procedures never leave a gap.

    Args:
        schedule: whose turn it may be, and when.
        at: an aware instant.
        overrides: of this and of any other schedule.

    Returns:
        Person ids; empty when nobody is on call.
    """
    standing_in = [it for it in overrides if it.schedule == schedule.id and it.starts_at <= at < it.ends_at]
    if standing_in:
        return (max(standing_in, key=lambda it: (it.starts_at, it.id)).person,)
    if schedule.coverage is not None and not _covers(schedule.coverage, ZoneInfo(schedule.timezone), at):
        return ()
    period = _PERIODS.get(schedule.rotation)
    if period is None or not schedule.people:
        return schedule.people
    return (schedule.people[_turn(schedule, period, at) % len(schedule.people)],)


def next_change(schedule: Schedule, at: datetime, overrides: Iterable[Override] = ()) -> datetime | None:
    """Say when the answer of `on_call` can change next: until then it stays what it is at `at`.

    Args:
        schedule: as for `on_call`.
        at: an aware instant.
        overrides: as for `on_call`.

    Returns:
        The first hand-over, edge of the coverage or edge of an override after `at`; None when there will be none.
    """
    edges = [
        edge
        for it in overrides
        if it.schedule == schedule.id and it.starts_at < it.ends_at
        for edge in (it.starts_at, it.ends_at)
    ]
    period = _PERIODS.get(schedule.rotation)
    if period is not None and len(schedule.people) > 1:
        edges.append(_handover(schedule, period, _turn(schedule, period, at) + 1))
    if schedule.coverage is not None and schedule.people:
        zone = ZoneInfo(schedule.timezone)
        today = at.astimezone(zone).date()
        # A window opens at most a week from now, and the one that is open began yesterday at the earliest.
        edges += [edge for days in range(-1, 9) for edge in _window(schedule.coverage, zone, today + days * _DAY)]
    return min((edge.astimezone(UTC) for edge in edges if edge > at), default=None)


def _turn(schedule: Schedule, period: timedelta, at: datetime) -> int:
    """How many hand-overs have taken place by `at`; 0 before the first shift, too."""
    local = at.astimezone(ZoneInfo(schedule.timezone))
    turn = max((local.date() - schedule.starts_on) // period, 0)
    # The local date says it but for a day: the hour may still be to come, and where clocks were set back over midnight
    # a hand-over of tomorrow's date has been.
    while turn > 0 and _handover(schedule, period, turn) > at:
        turn -= 1
    while _handover(schedule, period, turn + 1) <= at:
        turn += 1
    return turn


def _handover(schedule: Schedule, period: timedelta, turn: int) -> datetime:
    return _instant(schedule.starts_on + turn * period, schedule.handover, ZoneInfo(schedule.timezone))


def _covers(coverage: Coverage, zone: ZoneInfo, at: datetime) -> bool:
    today = at.astimezone(zone).date()
    windows = (_window(coverage, zone, today + days * _DAY) for days in (-1, 0, 1))
    return any(window and window[0] <= at < window[1] for window in windows)


def _window(coverage: Coverage, zone: ZoneInfo, day: date) -> tuple[datetime, datetime] | tuple[()]:
    """When the coverage that opens on a local day starts and ends; empty when it does not open on that day."""
    if day.isoweekday() not in coverage.days:
        return ()
    last = day if coverage.opens < coverage.closes else day + _DAY
    return _instant(day, coverage.opens, zone), _instant(last, coverage.closes, zone)


def _instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """When a clock on the wall shows a time, in UTC.

    A time that clocks skip in spring counts from the first instant after the gap; one that they show twice in autumn,
    from the first time they show it.
    """
    early, late = (datetime.combine(day, wall.replace(fold=fold), zone) for fold in (0, 1))
    before, after = early.utcoffset(), late.utcoffset()
    if before is None or after is None or after <= before:
        return early.astimezone(UTC)
    # Skipped. Clocks are set forward somewhere between the two readings; `bisect` finds the second.
    start = late.astimezone(UTC)
    span = range(int((after - before) // _SECOND))
    return start + _SECOND * bisect_left(
        span, x=True, key=lambda second: (start + second * _SECOND).astimezone(zone).utcoffset() == after
    )
