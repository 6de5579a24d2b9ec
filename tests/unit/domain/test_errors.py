"""Errors carry sentences for people, and what a program needs to go on."""

from __future__ import annotations

import pytest

from tocsin.domain import errors


def test_every_error_is_its_sentence():
    for kind in (errors.InvalidError, errors.NotFoundError, errors.ForbiddenError, errors.UnavailableError):
        with pytest.raises(errors.TocsinError, match=r"^It is not there\.$") as raised:
            raise kind("It is not there.")
        assert raised.value.detail == "It is not there."


def test_what_is_not_allowed_now_says_what_is():
    assert errors.NotAllowedNowError("No.", {"note", "assign"}).allowed == ("assign", "note")
    assert errors.NotAllowedNowError("No.").allowed == ()


def test_faulty_procedures_name_every_fault_on_a_line_of_its_own():
    error = errors.ProceduresError(iter(["a.yaml:1:2: no", "b.yaml:3:4: no"]))
    assert error.faults == ("a.yaml:1:2: no", "b.yaml:3:4: no")
    assert error.detail == str(error) == "a.yaml:1:2: no\nb.yaml:3:4: no"
