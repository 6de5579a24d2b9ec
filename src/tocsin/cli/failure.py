"""Errors as the command line tells them: a sentence and an exit code, or problem JSON with --json."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tocsin.cli.printing import print_json, printable
from tocsin.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotAllowedNowError,
    NotFoundError,
    ProceduresError,
    TocsinError,
    UnavailableError,
)

FAILED = 1
USAGE = 2
REFUSED = 3
UNREACHABLE = 4
INTERRUPTED = 130

_KINDS: tuple[tuple[type[TocsinError], int, int, str], ...] = (
    (InvalidError, USAGE, 422, "Not valid"),
    (ProceduresError, USAGE, 422, "The procedures are not valid"),
    (NotFoundError, REFUSED, 404, "Not found"),
    (NotAllowedNowError, REFUSED, 409, "Not allowed now"),
    (ForbiddenError, REFUSED, 403, "Not allowed for you"),
    (UnavailableError, UNREACHABLE, 503, "Not reachable"),
)


def exit_code(error: TocsinError) -> int:
    """What the shell is told (INTERFACE.md *Commands*): 2 invalid, 3 not found or not allowed now, 4 out of reach."""
    return _kind(error)[0]


def problem(error: TocsinError) -> dict[str, Any]:
    """The error as the API would give it (RFC 9457), so that one reader serves both."""
    _, status, title = _kind(error)
    extra: dict[str, Any] = {}
    if isinstance(error, NotAllowedNowError):
        extra["allowed"] = list(error.allowed)
    if isinstance(error, ProceduresError):
        extra["faults"] = list(error.faults)
    return {"type": "about:blank", "title": title, "status": status, "detail": error.detail, **extra}


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Write an error to standard error: standard output carries answers only, with --json too.

    Args:
        facts: a problem as in RFC 9457; `detail` is what people read, `allowed` what they could do instead.
        as_json: write the whole problem as one JSON object.
    """
    if as_json:
        print_json(facts, error=True)
        return
    lines = [printable(line) for line in str(facts["detail"]).splitlines()]
    if facts.get("allowed"):
        lines.append(f"Possible now: {', '.join(facts['allowed'])}.")
    sys.stderr.write("\n".join(lines) + "\n")


def _kind(error: TocsinError) -> tuple[int, int, str]:
    for kind, code, status, title in _KINDS:
        if isinstance(error, kind):
            return code, status, title
    return FAILED, 500, "Failed"
