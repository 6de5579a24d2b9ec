"""Every refusal as RFC 9457 problem+json: one shape, made in one place, that never repeats what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

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

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "5"
"""Seconds a sender is asked to wait when the database is out of reach."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for a client.

    Args:
        status: HTTP status.
        detail: sentences for a person.
        extra: further members, such as `allowed` or `errors`.
        headers: headers that belong to the status, such as Retry-After.
    """

    status: int
    detail: str
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words, as RFC 9457 asks for with the type about:blank."""
        return HTTPStatus(self.status).phrase

    def encode(self) -> bytes:
        """The body."""
        members = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return msgspec.json.encode({**members, **self.extra})

    def response(self) -> Response:
        """The whole answer."""
        return Response(self.encode(), self.status, self.headers, MEDIA_TYPE)


class PreconditionError(TocsinError):
    """The incident has moved on since the client read it (HTTP 412, RFC 9110 If-Match)."""


class TooLargeError(TocsinError):
    """The body is longer than is read (HTTP 413)."""


class GoneError(TocsinError):
    """What it was about is over for good (HTTP 410)."""


class TooManyAttemptsError(TocsinError):
    """Too many wrong tokens from one address (HTTP 429).

    Args:
        detail: what happened.
        wait_s: seconds until the next attempt is looked at.
    """

    def __init__(self, detail: str, wait_s: int) -> None:
        super().__init__(detail)
        self.wait_s = wait_s


_STATUS: Mapping[type[TocsinError], int] = {
    UnknownError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    NotAllowedNowError: 409,
    GoneError: 410,
    PreconditionError: 412,
    TooLargeError: 413,
    InvalidError: 422,
    ProceduresError: 422,
    TooManyAttemptsError: 429,
    UnavailableError: 503,
}


def problem_of(error: TocsinError) -> Problem:
    """An error of ours as a problem; an error nobody mapped is a 500 that still says its sentence."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    match error:
        case NotAllowedNowError():
            return Problem(status, error.detail, {"allowed": list(error.allowed)})
        case ProceduresError():
            count = len(error.faults)
            detail = (
                f"The procedures have {count} fault{'s' if count != 1 else ''}; the active version was not changed."
            )
            return Problem(status, detail, {"faults": list(error.faults)})
        case UnavailableError():
            return Problem(status, error.detail, headers={"Retry-After": RETRY_AFTER})
        case UnknownError():
            return Problem(status, error.detail, headers={"WWW-Authenticate": 'Bearer realm="tocsin"'})
        case TooManyAttemptsError():
            return Problem(status, error.detail, headers={"Retry-After": str(error.wait_s)})
        case _:
            return Problem(status, error.detail)


def problem_of_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """A problem for a status the framework chose by itself, such as 404 for a path that does not exist."""
    return Problem(status, _SENTENCES.get(status, HTTPStatus(status).description or ""), headers=headers or {})


_SENTENCES = {
    400: "The request's body cannot be read as JSON in UTF-8. Nothing was changed.",
    404: "There is nothing at this address. Nothing was changed.",
    405: "This address does not take this method; the Allow header says which ones it takes. Nothing was changed.",
    413: "The request's body is longer than is read here (1 MiB). Nothing was changed.",
}


def problem_of_faults(faults: Sequence[Mapping[str, Any]]) -> Problem:
    """Pydantic's faults as one problem, without the input that each of them carries.

    Args:
        faults: as `RequestValidationError.errors()` gives them.
    """
    if any(fault["type"] == "json_invalid" for fault in faults):
        return Problem(400, f"The request's body is not JSON: {_json_fault(faults)}. Nothing was changed.")
    errors = [_fault(fault) for fault in faults]
    detail = "The request does not have the form that this operation takes; see errors. Nothing was changed."
    return Problem(422, detail, {"errors": errors})


def _json_fault(faults: Sequence[Mapping[str, Any]]) -> str:
    fault = next(fault for fault in faults if fault["type"] == "json_invalid")
    reason = str(fault.get("ctx", {}).get("error", "it ends too early"))
    return f"{reason} at character {fault['loc'][-1]}"


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """One fault: where, as a JSON pointer into body, query or path, and what would be right."""
    kind, where, message = str(fault["type"]), list(fault["loc"]), str(fault["msg"])
    if kind == "extra_forbidden":
        where.pop()  # the sender's own word
        message = "There is a field that this operation does not know; leave it out, or see the documentation."
    elif kind == "model_attributes_type":
        message = "A JSON object is expected; send it with Content-Type: application/json."
    return {"pointer": "#/" + "/".join(map(str, where)), "detail": message.removeprefix("Value error, ")}
