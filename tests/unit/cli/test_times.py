"""Instants as people type and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tocsin.cli.times import age, distance, instant, length, local, parsed, rfc3339, span
from tocsin.domain.errors import InvalidError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 2, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("now", NOW),
        ("+2h", NOW + timedelta(hours=2)),
        ("+1h30m", NOW + timedelta(minutes=90)),
        ("18:00", datetime(2026, 11, 23, 17, 0, tzinfo=UTC)),
        ("2026-11-24 09:00", datetime(2026, 11, 24, 8, 0, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),
        ("2026-11-24T17:00:00Z", datetime(2026, 11, 24, 17, 0, tzinfo=UTC)),
        ("2026-07-01 12:00", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
    ],
)
def test_what_people_type_is_local_unless_it_says_otherwise(typed, meant):
    assert instant(typed, NOW, BERLIN) == meant


@pytest.mark.parametrize("typed", ["", "soon", "25:00", "+", "+2 weeks", "2026-13-01", "+²h"])
def test_what_is_no_time_is_refused_with_examples(typed):
    with pytest.raises(InvalidError, match=r"for example|Write 18:00"):
        instant(typed, NOW, BERLIN)


def test_a_span_adds_its_parts():
    assert span("1d2h3m4s") == timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert span("45min") == timedelta(minutes=45)


def test_instants_travel_as_rfc_3339():
    assert rfc3339(NOW) == "2026-11-23T02:15:30Z"
    assert parsed("2026-11-23T03:15:30+01:00") == NOW


def test_the_day_is_left_out_when_it_is_today():
    assert local(NOW, NOW, BERLIN) == "03:15:30"
    assert local(NOW + timedelta(days=1), NOW, BERLIN) == "Tue 24 Nov 03:15:30"
    assert local(NOW - timedelta(days=400), NOW, BERLIN) == "2025-10-19 04:15:30"


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=45), "in 45 s"),
        (timedelta(seconds=-45), "45 s ago"),
        (timedelta(minutes=4, seconds=30), "in 4 min 30 s"),
        (timedelta(minutes=14, seconds=30), "in 14 min"),
        (timedelta(hours=2), "in 2 h"),
        (timedelta(hours=2, minutes=5), "in 2 h 5 min"),
        (timedelta(days=-3, hours=-4), "3 d 4 h ago"),
        (timedelta(days=2), "in 2 d"),
    ],
)
def test_distances_are_short(away, said):
    assert distance(NOW + away, NOW) == said


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=59), "59m"),
        (timedelta(hours=23), "23h"),
        (timedelta(days=400), "400d"),
    ],
)
def test_an_age_is_one_number(ago, said):
    assert age(NOW - ago, NOW) == said


def test_a_minute_is_a_minute():
    assert length(timedelta(minutes=1)) == "1 min"
