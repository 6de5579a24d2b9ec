"""`tocsin timeline`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any

import typer

from tocsin.cli.asking import connected, give
from tocsin.cli.backend import Backend
from tocsin.cli.failure import FAILED
from tocsin.cli.incident_text import proof_lines, timeline_lines
from tocsin.cli.options import Incident, Json
from tocsin.domain.errors import InvalidError

Verify = Annotated[bool, typer.Option("--verify", help="Recompute every hash of the chain; exit 1 if one is wrong.")]
Head = Annotated[
    str, typer.Option("--head", metavar="HASH", help="With --verify: the chain must contain this hash, kept elsewhere.")
]
Events = Annotated[bool, typer.Option("--events", help="Only the names of the events, one per line.")]

_AT_ONCE = 1000


def timeline(
    incident: Incident, *, verify: Verify = False, head: Head = "", events: Events = False, as_json: Json = False
) -> int:
    """Print what happened, and prove that nobody rewrote it.

    Example: tocsin timeline last --verify
    """
    if head and not verify:
        raise InvalidError("--head says what --verify shall look for; use both.")
    now = datetime.now(UTC)
    with connected() as backend:
        answer = _whole(backend, incident, verify=verify, head=head)
    if events:
        lines: Iterator[str] = (entry["event"] for entry in answer["items"])
    elif verify:
        lines = chain(timeline_lines(answer, now), proof_lines(answer))
    else:
        lines = timeline_lines(answer, now)
    give(answer, lines, as_json=as_json)
    return FAILED if verify and not answer["verified"] else 0


def _whole(backend: Backend, incident: str, *, verify: bool, head: str) -> dict[str, Any]:
    """All entries, however many answers that takes."""
    answer = _part(backend, incident, {"verify": verify, "head": head})
    items, cursor = list(answer["items"]), answer.get("next")
    while cursor:
        more = _part(backend, incident, {"cursor": cursor})
        items, cursor = [*items, *more["items"]], more.get("next")
    return {**answer, "items": items, "next": None}


def _part(backend: Backend, incident: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return backend.call("timeline", {"limit": _AT_ONCE, **facts}, incident=incident)
