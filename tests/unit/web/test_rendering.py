from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.web.rendering import _environment, clock, clock_short, relative, safe_link, span

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (-59, "just now"),
        (40, "in 40 s"),
        (-60, "1 min ago"),
        (-3599, "59 min ago"),
        (3600, "in 1 h 0 min"),
        (-11100, "3 h 5 min ago"),
        (-86400, "1 day ago"),
        (3 * 86400, "in 3 days"),
    ],
)
def test_a_distance_in_time_is_said_as_people_say_it(seconds, said):
    assert span(timedelta(seconds=seconds)) == said


def test_a_time_is_shown_in_utc_and_where_the_reader_lives():
    assert clock("2026-11-23T02:41:00Z", NOW) == '<time datetime="2026-11-23T02:41:00Z">02:41 UTC</time>'
    assert "02:41 UTC · 03:41 Berlin<" in clock("2026-11-23T02:41:00Z", NOW, "Europe/Berlin")
    assert "22 Nov 23:30 UTC · 08:30 Tokyo<" in clock("2026-11-22T23:30:00Z", NOW, "Asia/Tokyo")
    assert clock("2026-11-23T02:41:00Z", NOW, "UTC") == clock("2026-11-23T02:41:00Z", NOW)
    assert "·" not in clock("2026-11-23T02:41:00Z", NOW, "Europe/London")
    assert clock(None, NOW) == "–"


def test_the_date_is_said_when_it_is_another_one():
    assert ">22 Nov 23:59 UTC<" in clock("2026-11-22T23:59:00Z", NOW)
    assert ">5 Jan 2025 09:00 UTC<" in clock("2025-01-05T09:00:00Z", NOW)
    assert ">09:00<" in clock_short("2026-11-23T09:00:00Z", NOW)


def test_a_relative_time_carries_the_instant_for_the_script():
    assert relative(NOW - timedelta(minutes=4), NOW) == (
        '<time class="ago" datetime="2026-11-23T02:56:00Z">4 min ago</time>'
    )
    assert relative(None, NOW) == "–"


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://x.example.org", True),
        ("HTTP://x.example.org", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("", False),
        (None, False),
    ],
)
def test_only_addresses_of_the_web_become_links(address, safe):
    assert safe_link(address) is safe


@pytest.mark.parametrize(
    ("people", "posts", "said"),
    [
        (["bo"], [], '<span class="strong">L2 Bo</span>'),
        (["bo"], ["dee"], '<span class="strong">L2 Bo</span>; told without waking: Dee'),
        ([], ["dee"], "told without waking: Dee"),
        ([], [], '<span class="strong">nobody, because nobody is on call</span>'),
    ],
)
def test_a_step_ahead_names_who_is_paged_and_who_is_only_told(people, posts, said):
    step = _environment().get_template("parts.html").module.step
    assert step({"levels": [2], "people": people, "posts": posts}, {"bo": "Bo", "dee": "Dee"}).strip() == said
