"""Text from outside, fit for a wire."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.sending.text import one_line, printable

anything = st.text(st.characters(codec=None))


def test_what_is_for_reading_stays():
    assert printable("a\tb\nä 中 😀 👩‍🚒") == "a\tb\nä 中 😀 👩‍🚒"
    assert one_line("  two\n words ", 80) == "two words"


def test_every_kind_of_line_end_becomes_a_line_feed():
    assert printable("a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_a_line_is_cut_with_a_sign_of_it():
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"


@given(anything, st.integers(1, 20))
def test_one_line_is_one_short_line_that_can_be_encoded(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.splitlines() in ([], [line])
    assert "\0" not in line
    line.encode()


@given(anything)
def test_printable_text_holds_no_controls_and_can_be_encoded(text):
    fit = printable(text)
    assert [char for char in fit if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n"] == []
    fit.encode()
