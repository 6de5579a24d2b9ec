"""When people hear that Tocsin itself is in trouble, second by second."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.application.alarm import CALM_S, Alarm, Word

AFTER, EVERY = timedelta(seconds=60), timedelta(seconds=600)


def told(*wrong_between, until, after=AFTER):
    """What is said at which second, when something is wrong in these spans."""
    alarm, said = Alarm(), []
    for second in range(until):
        wrong = any(begin <= second < end for begin, end in wrong_between)
        alarm, word = alarm.look(float(second), wrong=wrong, after=after, every=EVERY)
        if word is not None:
            said.append((second, word))
    return said


def test_nobody_hears_of_what_passes_within_the_grace():
    assert told((10, 69), until=2000) == []


def test_what_lasts_is_told_after_the_grace_again_while_it_lasts_and_once_when_it_is_over():
    assert told((10, 1300), until=3000) == [
        (70, Word.WRONG),
        (670, Word.STILL),
        (1270, Word.STILL),
        (1300 + CALM_S, Word.WELL),
    ]


def test_what_comes_and_goes_is_one_trouble():
    blips = [(begin, begin + 1) for begin in range(10, 100, 20)]
    assert told(*blips, until=400) == [(70, Word.WRONG), (91 + CALM_S, Word.WELL)]


def test_after_it_is_over_the_next_trouble_has_a_grace_of_its_own():
    assert told((0, 70), (200, 255), until=900) == [(60, Word.WRONG), (70 + CALM_S, Word.WELL)]


@pytest.mark.parametrize("after", [timedelta(seconds=5), timedelta(seconds=60)])
def test_a_short_grace_also_means_a_short_calm(after):
    seconds = after.total_seconds()
    said = told((0, 61), until=200, after=after)
    assert said == [(seconds, Word.WRONG), (61 + min(CALM_S, seconds), Word.WELL)]
