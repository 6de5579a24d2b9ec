"""The next business day: the team's zone, week-ends, holidays, the hour that does not exist (R11, R96)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.policy import Calendar

BERLIN = Calendar("Europe/Berlin", opens=time(9), holidays=frozenset({date(2026, 12, 25), date(2026, 12, 28)}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-19T14:00", "2026-11-20T08:00"),  # Thursday, 15:00 there
        ("2026-11-19T23:30", "2026-11-23T08:00"),  # Friday there already, so the next one is Monday
        ("2026-11-20T07:00", "2026-11-23T08:00"),  # before opening on Friday: that day has begun
        ("2026-11-21T12:00", "2026-11-23T08:00"),  # Saturday
        ("2026-12-24T12:00", "2026-12-29T08:00"),  # a holiday, the week-end, a holiday
        ("2026-03-27T12:00", "2026-03-30T07:00"),  # summer time began in between
    ],
)
def test_it_is_the_first_working_day_after_the_local_date(at, opens):
    assert BERLIN.next_business_day(utc(at)) == utc(opens)


def test_a_day_may_open_in_the_hour_the_clocks_skip():
    """02:30 does not exist on that Sunday; the day opens one hour later by the clock on the wall."""
    sundays = Calendar("Europe/Berlin", workdays=frozenset({7}), opens=time(2, 30))
    assert sundays.next_business_day(utc("2026-03-28T12:00")) == utc("2026-03-29T01:30")


@given(st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_it_is_always_later_and_always_a_working_day(at):
    opens = BERLIN.next_business_day(at)
    assert opens > at
    assert opens.tzinfo is not None
    assert opens.isoweekday() in BERLIN.workdays
    assert opens.date() not in BERLIN.holidays
