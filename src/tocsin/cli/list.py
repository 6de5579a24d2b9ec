"""`tocsin list`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import list_lines
from tocsin.cli.options import Json, Limit


class Wanted(StrEnum):
    """Which incidents to list."""

    OPEN = "open"
    INVESTIGATING = "INVESTIGATING"
    MITIGATING = "MITIGATING"
    RESOLVED = "RESOLVED"


Status = Annotated[Wanted | None, typer.Option("--status", case_sensitive=False, help="Only these; all otherwise.")]
Cursor = Annotated[str, typer.Option("--cursor", metavar="C", help="Go on where an earlier list ended.")]


def list_incidents(*, status: Status = None, limit: Limit = 100, cursor: Cursor = "", as_json: Json = False) -> None:
    """List incidents, newest first.

    Example: tocsin list --status open
    """
    answer = ask("list", {"status": status.value if status else "", "limit": limit, "cursor": cursor})
    give(answer, list_lines(answer, datetime.now(UTC)), as_json=as_json)
