"""ETag and If-Match: an incident's tag is the number of its newest event, so that nobody acts on an old picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.application.app import Application
from tocsin.application.ports import Transaction
from tocsin.web.problems import PreconditionError


def etag_of(answer: Mapping[str, Any]) -> str:
    """The tag of an answer that is an incident; empty for any other."""
    return f'"{answer["id"]}.{answer["seq"]}"' if {"id", "seq", "severity"} <= answer.keys() else ""


def not_modified(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has this answer already (RFC 9110 If-None-Match).

    Args:
        if_none_match: the header; None when there is none.
        tag: of the answer; empty when it has none.
    """
    return bool(tag) and if_none_match is not None and tag in _tags(if_none_match)


def require_match(app: Application, if_match: str, incident: str) -> None:
    """Let a change pass only if the incident still is what the client saw (RFC 9110 If-Match).

    Args:
        app: the application.
        if_match: the header.
        incident: id, or an unambiguous ending of one, or "last".

    Raises:
        PreconditionError: something has happened since.
    """
    if if_match.strip() == "*":
        return

    def current(transaction: Transaction) -> str:
        names = transaction.incidents.resolve_name(incident)
        return f'"{names[0]}.{transaction.incidents.head(names[0])[0]}"' if len(names) == 1 else ""

    if app.database.read(current) not in _tags(if_match):
        raise PreconditionError(
            f"{incident} has changed since you read it (If-Match). Read it again, then decide. Nothing was changed."
        )


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
