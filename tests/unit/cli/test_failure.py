"""Errors as the command line tells them."""

from __future__ import annotations

import json

import pytest

from tocsin.cli.failure import exit_code, problem, tell
from tocsin.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotAllowedNowError,
    NotFoundError,
    ProceduresError,
    TocsinError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TocsinError("x"), 1),
        (InvalidError("x"), 2),
        (ProceduresError(["a:1:1: x"]), 2),
        (NotFoundError("x"), 3),
        (NotAllowedNowError("x"), 3),
        (ForbiddenError("x"), 3),
        (UnavailableError("x"), 4),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    """INTERFACE.md *Commands*."""
    assert exit_code(error) == code


def test_people_are_told_a_sentence_and_what_is_possible_instead(capsys):
    tell(problem(NotAllowedNowError("It is closed.", ["reopen", "note"])), as_json=False)
    told = capsys.readouterr()
    assert told.err == "It is closed.\nPossible now: note, reopen.\n"
    assert told.out == ""


def test_programs_are_told_a_problem(capsys):
    tell(problem(NotAllowedNowError("It is closed.", ["reopen"])), as_json=True)
    told = json.loads(capsys.readouterr().err)
    assert (told["status"], told["detail"], told["allowed"]) == (409, "It is closed.", ["reopen"])


def test_faults_of_procedures_stay_one_per_line(capsys):
    error = ProceduresError(["site.yaml:1:1: one", "people.yaml:2:1: two"])
    tell(problem(error), as_json=False)
    assert capsys.readouterr().err.splitlines() == ["site.yaml:1:1: one", "people.yaml:2:1: two"]
    assert problem(error)["faults"] == ["site.yaml:1:1: one", "people.yaml:2:1: two"]
