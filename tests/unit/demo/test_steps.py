"""A step counts only once it was observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tocsin.demo.api import RefusedError
from tocsin.demo.children import ChildError
from tocsin.demo.steps import Result, StepFailedError, Steps, UnmetError


class Notebook:
    def __init__(self) -> None:
        self.results: list[Result] = []

    def ended(self, result: Result) -> None:
        self.results.append(result)

    def happened(self, entry: Mapping[str, Any]) -> None:
        raise AssertionError(entry)


@pytest.fixture
def audience() -> Notebook:
    return Notebook()


def test_a_step_that_ends_is_told_with_what_was_seen(audience):
    with Steps(audience).step("mail", "Mail arrives") as observed:
        observed.note("subject", "hello")
    (result,) = audience.results
    assert (result.name, result.title, result.passed) == ("mail", "Mail arrives", True)
    assert result.lines == (("subject", "hello"),)


@pytest.mark.parametrize(
    ("mishap", "expected", "seen"),
    [
        (UnmetError("a mail", "none"), "a mail", "none"),
        (RefusedError("GET / was answered 500"), "nothing to go wrong", "GET / was answered 500"),
        (ChildError("claudex has ended"), "nothing to go wrong", "claudex has ended"),
        (ConnectionRefusedError(), "nothing to go wrong", "ConnectionRefusedError()"),
    ],
)
def test_a_step_that_is_not_observed_says_what_was_expected_and_seen(audience, mishap, expected, seen):
    def play() -> None:
        with Steps(audience).step("mail", "Mail arrives") as observed:
            observed.note("so far", "nothing")
            raise mishap

    with pytest.raises(StepFailedError, match=f"Mail arrives: expected {expected}; seen: "):
        play()
    (result,) = audience.results
    assert not result.passed
    assert result.lines == (("so far", "nothing"), ("expected", expected), ("seen", seen))


def test_a_mistake_of_our_own_is_not_taken_for_an_observation(audience):
    with pytest.raises(ZeroDivisionError), Steps(audience).step("mail", "Mail arrives"):
        _ = 1 / 0
    assert audience.results == []


def test_waiting_looks_again_until_it_is_there(audience):
    answers = iter([None, None, "there"])
    assert Steps(audience).until(lambda: next(answers), "it", lambda: "not it") == "there"


def test_waiting_has_an_end(audience):
    with pytest.raises(UnmetError, match="Expected it; seen: not it"):
        Steps(audience, patience_s=0).until(lambda: None, "it", lambda: "not it")


def test_what_goes_wrong_meanwhile_ends_the_wait(audience):
    def gone() -> None:
        raise ChildError("the server has ended")

    steps = Steps(audience)
    steps.meanwhile.append(gone)
    with pytest.raises(ChildError, match="the server has ended"):
        steps.until(lambda: None, "it", lambda: "not it")
