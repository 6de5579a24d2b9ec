from __future__ import annotations

import json

import pytest

from tocsin.application.access import UnknownError
from tocsin.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotAllowedNowError,
    NotFoundError,
    ProceduresError,
    TocsinError,
    UnavailableError,
)
from tocsin.web.problems import (
    PreconditionError,
    Problem,
    TooLargeError,
    TooManyAttemptsError,
    problem_of,
    problem_of_faults,
    problem_of_status,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidError("x"), 422),
        (UnknownError("x"), 401),
        (ForbiddenError("x"), 403),
        (NotFoundError("x"), 404),
        (NotAllowedNowError("x"), 409),
        (PreconditionError("x"), 412),
        (TooLargeError("x"), 413),
        (ProceduresError(["a:1:1: x"]), 422),
        (TooManyAttemptsError("x", 5), 429),
        (UnavailableError("x"), 503),
        (TocsinError("x"), 500),
    ],
)
def test_every_error_of_ours_has_its_status(error, status):
    problem = json.loads(problem_of(error).encode())
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]


def test_a_move_that_is_not_allowed_now_names_those_that_are():
    assert problem_of(NotAllowedNowError("x", {"note", "assign"})).extra == {"allowed": ["assign", "note"]}


def test_faults_of_procedures_are_counted_and_listed():
    problem = problem_of(ProceduresError(["a.yaml:1:2: x", "b.yaml:3:4: y"]))
    assert problem.extra == {"faults": ["a.yaml:1:2: x", "b.yaml:3:4: y"]}
    assert "2 faults" in problem.detail
    assert "1 fault;" in problem_of(ProceduresError(["a.yaml:1:2: x"])).detail


def test_headers_say_when_to_try_again_and_how_to_sign_in():
    assert problem_of(UnavailableError("x")).headers == {"Retry-After": "5"}
    assert problem_of(TooManyAttemptsError("x", 7)).headers == {"Retry-After": "7"}
    assert problem_of(UnknownError("x")).headers["WWW-Authenticate"].startswith("Bearer")


def test_the_answer_is_problem_json():
    response = Problem(409, "No.", {"allowed": []}, {"X-A": "b"}).response()
    assert (response.status_code, response.media_type) == (409, "application/problem+json")
    assert response.headers["x-a"] == "b"


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 418])
def test_a_status_of_the_frameworks_gets_a_sentence(status):
    assert problem_of_status(status).detail


def test_faults_of_a_body_point_at_the_field_and_never_repeat_what_was_sent():
    faults = [
        {"type": "missing", "loc": ("body", "why"), "msg": "Field required", "input": "secret"},
        {"type": "extra_forbidden", "loc": ("body", "secret"), "msg": "Extra inputs are not permitted", "input": "s"},
        {"type": "value_error", "loc": ("query", "limit"), "msg": "Value error, too small", "input": "secret"},
    ]
    problem = problem_of_faults(faults)
    assert [error["pointer"] for error in problem.extra["errors"]] == ["#/body/why", "#/body", "#/query/limit"]
    assert problem.extra["errors"][2]["detail"] == "too small"
    assert b"secret" not in problem.encode()


def test_a_body_that_is_no_json_says_where_it_stops_being_it():
    fault = {
        "type": "json_invalid",
        "loc": ("body", 7),
        "msg": "JSON decode error",
        "ctx": {"error": "Expecting value"},
    }
    problem = problem_of_faults([fault])
    assert (problem.status, "Expecting value at character 7" in problem.detail) == (400, True)
    del fault["ctx"]
    assert "ends too early" in problem_of_faults([fault]).detail
