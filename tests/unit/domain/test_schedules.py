"""Who is on call when, by clocks on walls that are set forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.schedules import Coverage, Override, Schedule, next_change, on_call

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PEOPLE = ("ana", "bo", "cem")
WORKDAYS = frozenset({1, 2, 3, 4, 5})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def weekly(**more) -> Schedule:
    return Schedule("ops", PEOPLE, "weekly", date(2026, 1, 5), time(9), **{"timezone": "Europe/Berlin", **more})


def daily(handover: time, starts_on: date, zone: str, people=PEOPLE) -> Schedule:
    return Schedule("ops", people, "daily", starts_on, handover, zone)


def test_always_is_everyone_at_once_and_never_changes():
    schedule = Schedule("bosses", PEOPLE)
    assert on_call(schedule, utc("2026-05-01")) == PEOPLE
    assert next_change(schedule, utc("2026-05-01")) is None


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-01-05 09:00", "ana"),
        ("2026-01-12 08:59:59", "ana"),
        ("2026-01-12 09:00", "bo"),
        ("2026-01-18 23:59", "bo"),
        ("2026-01-19 09:00", "cem"),
        ("2026-01-26 09:00", "ana"),
        ("2026-07-20 08:59", "ana"),  # summer time: still nine on the wall
        ("2026-07-20 09:00", "bo"),
    ],
)
def test_a_weekly_rotation_hands_over_on_the_weekday_it_started_on(at, person):
    assert on_call(weekly(), local(at, "Europe/Berlin")) == (person,)


@pytest.mark.parametrize("rotation", ["daily", "weekly"])
def test_before_the_first_shift_the_first_person_is_on_call_already(rotation):
    schedule = Schedule("ops", PEOPLE, rotation, date(2026, 1, 5))
    assert on_call(schedule, utc("2026-01-05 08:59")) == ("ana",)
    assert on_call(schedule, utc("2020-03-01")) == ("ana",)
    assert next_change(schedule, utc("2020-03-01")) == utc("2026-01-05 09:00") + (
        DAY if rotation == "daily" else 7 * DAY
    )


@pytest.mark.parametrize("rotation", ["always", "daily", "weekly"])
def test_nobody_in_the_schedule_is_nobody_on_call(rotation):
    schedule = Schedule("empty", (), rotation, coverage=Coverage(WORKDAYS, time(9), time(17)))
    assert on_call(schedule, utc("2026-05-01 12:00")) == ()
    assert next_change(schedule, utc("2026-05-01 12:00")) is None


def test_a_rotation_of_one_never_changes():
    schedule = Schedule("ops", ("ana",), "daily")
    assert on_call(schedule, utc("2026-05-01")) == ("ana",)
    assert next_change(schedule, utc("2026-05-01")) is None


def check_handover(schedule: Schedule, change: datetime) -> None:
    """From ana to bo at this very instant."""
    assert on_call(schedule, change - SECOND) == ("ana",)
    assert on_call(schedule, change) == ("bo",)
    assert next_change(schedule, change - SECOND) == change


def test_a_handover_in_the_hour_that_spring_skips_takes_place_when_the_gap_ends():
    schedule = daily(time(2, 30), date(2026, 3, 28), "Europe/Berlin")
    check_handover(schedule, utc("2026-03-29 01:00"))  # 02:00 became 03:00
    assert next_change(schedule, utc("2026-03-29 01:00")) == utc("2026-03-30 00:30")


def test_a_handover_at_the_first_skipped_second_takes_place_when_the_gap_ends():
    check_handover(daily(time(2), date(2026, 3, 28), "Europe/Berlin"), utc("2026-03-29 01:00"))


def test_a_handover_at_midnight_where_spring_skips_midnight_takes_place_at_one():
    check_handover(daily(time(0), date(2018, 11, 3), "America/Sao_Paulo"), utc("2018-11-04 03:00"))


def test_a_handover_in_the_hour_that_autumn_repeats_takes_place_the_first_time():
    schedule = daily(time(2, 30), date(2026, 10, 24), "Europe/Berlin")
    check_handover(schedule, utc("2026-10-25 00:30"))
    assert on_call(schedule, utc("2026-10-25 01:29:59")) == ("bo",)  # 02:29:59 on the wall, for the second time
    assert next_change(schedule, utc("2026-10-25 01:29:59")) == utc("2026-10-26 01:30")


def test_a_handover_at_midnight_stands_although_clocks_go_back_to_yesterday():
    schedule = daily(time(0), date(2010, 11, 6), "America/Goose_Bay")
    check_handover(schedule, utc("2010-11-07 03:00"))
    assert on_call(schedule, utc("2010-11-07 03:30")) == ("bo",)  # 23:30 on the wall, the day before
    assert next_change(schedule, utc("2010-11-07 03:30")) == utc("2010-11-08 04:00")


def test_a_handover_on_a_day_that_does_not_exist_takes_place_when_the_next_begins():
    schedule = daily(time(9), date(2011, 12, 29), "Pacific/Apia")
    check_handover(schedule, utc("2011-12-30 10:00"))  # the 30th of December was left out
    assert on_call(schedule, utc("2011-12-30 19:00")) == ("cem",)


OFFICE = Coverage(WORKDAYS, time(9), time(17))
NIGHTS = Coverage(frozenset({5}), time(22), time(6))


@pytest.mark.parametrize(
    ("coverage", "at", "expected"),
    [
        (OFFICE, "2026-05-01 08:59:59", ()),
        (OFFICE, "2026-05-01 09:00", PEOPLE),
        (OFFICE, "2026-05-01 16:59:59", PEOPLE),
        (OFFICE, "2026-05-01 17:00", ()),
        (OFFICE, "2026-05-02 12:00", ()),  # a Saturday
        (NIGHTS, "2026-05-01 05:00", ()),  # Friday morning belongs to Thursday
        (NIGHTS, "2026-05-01 22:00", PEOPLE),
        (NIGHTS, "2026-05-02 05:59:59", PEOPLE),
        (NIGHTS, "2026-05-02 06:00", ()),
        (Coverage(frozenset({5}), time(9), time(9)), "2026-05-02 08:59", PEOPLE),  # round the clock from Friday nine
        (Coverage(frozenset({5}), time(9), time(9)), "2026-05-02 09:00", ()),
        (Coverage(frozenset(), time(9), time(17)), "2026-05-01 12:00", ()),
    ],
)
def test_outside_its_coverage_a_schedule_is_empty(coverage, at, expected):
    """Decision E: then it falls through to the next level."""
    schedule = Schedule("office", PEOPLE, timezone="Europe/Berlin", coverage=coverage)
    assert on_call(schedule, local(at, "Europe/Berlin")) == expected


def test_coverage_that_opens_at_midnight_stays_open_although_clocks_go_back_to_yesterday():
    sundays = Coverage(frozenset({7}), time(0), time(12))
    schedule = Schedule("ops", PEOPLE, timezone="America/Goose_Bay", coverage=sundays)
    assert on_call(schedule, utc("2010-11-07 02:59:59")) == ()
    assert on_call(schedule, utc("2010-11-07 03:30")) == PEOPLE  # 23:30 on the wall, on Saturday
    assert next_change(schedule, utc("2010-11-07 03:30")) == utc("2010-11-07 16:00")


def test_the_next_change_of_covered_hours_may_be_days_away():
    schedule = Schedule("office", PEOPLE, timezone="Europe/Berlin", coverage=OFFICE)
    assert next_change(schedule, local("2026-05-01 17:00", "Europe/Berlin")) == utc("2026-05-04 07:00")
    mondays = Schedule("office", PEOPLE, coverage=Coverage(frozenset({1}), time(9), time(17)))
    assert next_change(mondays, utc("2026-05-04 17:00")) == utc("2026-05-11 09:00")


def stand_in(person: str, starts: str, ends: str, name: str = "o1", schedule: str = "ops") -> Override:
    return Override(name, schedule, person, utc(starts), utc(ends))


def test_an_override_puts_one_person_on_call_alone_from_its_start_until_just_before_its_end():
    override = stand_in("dee", "2026-05-01 10:00", "2026-05-01 12:00")
    schedule = weekly()
    assert on_call(schedule, utc("2026-05-01 09:59:59"), [override]) == on_call(schedule, utc("2026-05-01 09:59:59"))
    assert on_call(schedule, utc("2026-05-01 10:00"), [override]) == ("dee",)
    assert on_call(schedule, utc("2026-05-01 11:59:59"), [override]) == ("dee",)
    assert on_call(schedule, utc("2026-05-01 12:00"), [override]) == on_call(schedule, utc("2026-05-01 12:00"))


def test_an_override_holds_outside_the_coverage_too():
    override = stand_in("dee", "2026-05-02 10:00", "2026-05-02 12:00")
    schedule = weekly(coverage=OFFICE)
    assert on_call(schedule, utc("2026-05-02 11:00"), [override]) == ("dee",)


def test_of_several_overrides_the_one_that_starts_last_wins_and_then_the_last_id():
    early = stand_in("dee", "2026-05-01 10:00", "2026-05-03 00:00", "z")
    late = stand_in("eve", "2026-05-01 11:00", "2026-05-02 00:00", "a")
    twin = stand_in("fay", "2026-05-01 11:00", "2026-05-02 00:00", "b")
    at = utc("2026-05-01 12:00")
    assert on_call(weekly(), at, [late, early]) == ("eve",)
    assert on_call(weekly(), at, [twin, late, early]) == on_call(weekly(), at, [early, late, twin]) == ("fay",)


def test_an_override_of_another_schedule_or_of_no_time_changes_nothing():
    others = [
        stand_in("dee", "2026-05-01 10:00", "2026-05-01 12:00", schedule="dev"),
        stand_in("dee", "2026-05-01 11:00", "2026-05-01 11:00"),
    ]
    at = utc("2026-05-01 11:00")
    assert on_call(weekly(), at, others) == on_call(weekly(), at)
    assert next_change(weekly(), at - HOUR, others) == next_change(weekly(), at - HOUR)


def test_the_edges_of_an_override_are_changes():
    override = stand_in("dee", "2026-05-01 10:00", "2026-05-01 12:00")
    schedule = Schedule("ops", PEOPLE)
    assert next_change(schedule, utc("2026-05-01 09:00"), [override]) == override.starts_at
    assert next_change(schedule, utc("2026-05-01 10:00"), [override]) == override.ends_at
    assert next_change(schedule, utc("2026-05-01 12:00"), [override]) is None


# Clocks that go forward and back at two, at midnight, at one past midnight, by half an hour, by a whole day, or never.
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Goose_Bay", "Australia/Lord_Howe", "Pacific/Apia",
     "Africa/Casablanca", "Asia/Kathmandu"]
)  # fmt: skip
walls = st.times().map(lambda wall: wall.replace(second=0, microsecond=0)) | st.sampled_from([time(0), time(2, 30)])
instants = st.datetimes(datetime(2009, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
crews = st.integers(1, 5).map(lambda n: tuple("abcdef"[:n]))
rotations = st.builds(
    Schedule,
    st.just("ops"),
    crews,
    st.sampled_from(["daily", "weekly"]),
    st.dates(date(2009, 1, 1), date(2027, 12, 31)),
    walls,
    zones,
)
coverages = st.builds(Coverage, st.frozensets(st.integers(1, 7)), walls, walls)
overrides = st.lists(
    st.builds(
        lambda name, schedule, person, start, span: Override(name, schedule, person, start, start + span),
        st.sampled_from("xyz"),
        st.sampled_from(["ops", "dev"]),
        st.sampled_from(["dee", "eve"]),
        instants,
        st.timedeltas(-DAY, 400 * DAY),
    ),
    max_size=4,
)


@given(rotations, instants)
def test_a_rotation_round_the_clock_has_exactly_one_person_at_every_instant(schedule, at):
    (person,) = on_call(schedule, at)
    assert person in schedule.people


@given(rotations, st.none() | coverages, overrides, instants, st.floats(0, 1, exclude_max=True))
def test_shifts_tile_the_timeline_so_that_nothing_changes_before_the_next_change(schedule, coverage, some, at, part):
    schedule = Schedule(*(getattr(schedule, name) for name in Schedule.__slots__[:-1]), coverage)
    for _ in range(4):
        change = next_change(schedule, at, some)
        assert change is None or change > at
        until = change or at + 1000 * DAY
        meanwhile = min(at + (until - at) * part, until - timedelta(microseconds=1))
        assert on_call(schedule, meanwhile, some) == on_call(schedule, at, some)
        at = until


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


# Where a whole day was left out once, one person's turn had no length.
whole_days = rotations.filter(lambda schedule: schedule.timezone != "Pacific/Apia")


@given(whole_days.filter(lambda schedule: len(schedule.people) > 1), instants)
def test_the_next_person_takes_over_when_the_wall_first_shows_the_hour(schedule, at):
    zone = ZoneInfo(schedule.timezone)
    change = next_change(schedule, at)
    assert change is not None
    before, after = on_call(schedule, change - SECOND), on_call(schedule, change)
    assert schedule.people.index(after[0]) == (schedule.people.index(before[0]) + 1) % len(schedule.people)
    shown = wall(change, zone)
    if shown.time() == schedule.handover:
        assert change.astimezone(zone).fold == 0
    else:  # skipped: the wall jumped over the hour at this instant
        assert shown - wall(change - SECOND, zone) > SECOND
    if schedule.rotation == "weekly" and shown.time() == schedule.handover:
        assert shown.weekday() == schedule.starts_on.weekday()


@given(whole_days, st.integers(1, 3))
def test_everyone_has_an_equal_share_of_the_shifts(schedule, rounds):
    zone = ZoneInfo(schedule.timezone)
    length = DAY if schedule.rotation == "daily" else 7 * DAY
    held = []
    for turn in range(rounds * len(schedule.people)):
        noon = datetime.combine(schedule.starts_on + turn * length, schedule.handover, zone) + length / 2
        held += on_call(schedule, noon.astimezone(UTC))
    assert all(held.count(person) == rounds for person in schedule.people)
