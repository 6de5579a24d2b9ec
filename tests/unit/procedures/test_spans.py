"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.procedures.spans import parse_span, show_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("30 seconds", 30),
        ("1 sec", 1),
        ("5 min", 300),
        ("5m", 300),
        ("1 minute", 60),
        ("2 h", 7200),
        ("1 h 30 min", 5400),
        ("1h30m", 5400),
        ("2 Hours", 7200),
        ("1 d", 86_400),
        ("2 weeks", 1_209_600),
        (" 0 s ", 0),
    ],
)
def test_a_number_and_a_unit_are_a_length_of_time(text: str, seconds: int) -> None:
    assert parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "min", "-5 min", "5 month", "1.5 h", "5 min ago", "\u0665 min", "1 s " * 40])
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time; write 30s, 5 min, 2 h or 1 h 30 min"):
        parse_span(text)


@pytest.mark.parametrize("text", ["367 d", "999999 w"])
def test_more_than_a_year_is_taken_for_a_slip(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 366 days"):
        parse_span(text)


@pytest.mark.parametrize("text", ["0", "30 s", "5 min", "1 h 30 min", "26 h"])
def test_a_length_of_time_is_shown_the_way_it_is_written(text: str) -> None:
    assert show_span(parse_span("0 s" if text == "0" else text)) == text
