"""From an error to the answer that suits whoever asked: problem+json for programs, a page for people."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from tocsin.application.access import UnknownError
from tocsin.domain.errors import TocsinError
from tocsin.web.edge import TOLD, unexpected
from tocsin.web.policy import By, Rule
from tocsin.web.problems import Problem, problem_of, problem_of_faults, problem_of_status
from tocsin.web.rendering import page

PROGRAMS = ("/api/", "/ingest/", "/callbacks/")


def add_refusals(app: FastAPI) -> None:
    """Register a handler for every kind of error; what nobody foresaw is logged, answered, and ends at the boundary."""
    app.add_exception_handler(TocsinError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_faults)
    app.add_exception_handler(HTTPException, _on_status)
    app.add_exception_handler(Exception, _on_unexpected)


def answer(request: Request, problem: Problem) -> Response:
    """The answer for a program or for a person, by the path and what the client accepts."""
    accepts = request.headers.get("accept", "")
    if request.url.path.startswith(PROGRAMS) or "text/html" not in accepts:
        return problem.response()
    return page(request, "problem.html", {"problem": problem}, status=problem.status, headers=problem.headers)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, TocsinError), "registered for this kind only"
    rule: Rule | None = request.scope.get("tocsin.rule")
    guest = isinstance(error, UnknownError) and rule is not None and rule.by is By.SESSION
    if guest and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(there, safe='/')}", 303)
    return answer(request, problem_of(error))


async def _on_unexpected(request: Request, error: Exception) -> Response:
    request.scope[TOLD] = True  # Starlette raises it again once it is answered
    return answer(request, unexpected(error))


async def _on_faults(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for this kind only"
    return answer(request, problem_of_faults(error.errors()))


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for this kind only"
    return answer(request, problem_of_status(error.status_code, error.headers))
