"""`tocsin oncall`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.options import Json
from tocsin.cli.people_text import on_call_lines
from tocsin.cli.times import instant, rfc3339

ServiceName = Annotated[str, typer.Option("--service", metavar="S", help="For this service; the first one otherwise.")]
At = Annotated[str, typer.Option("--at", metavar="T", help="At another time, such as +8h or '2026-12-24 18:00'.")]


def oncall(*, service: ServiceName = "", at: At = "", as_json: Json = False) -> None:
    """Say who is on call.

    Example: tocsin oncall --service claudex --at "2026-12-24 18:00"
    """
    now = datetime.now(UTC)
    then = instant(at, now) if at else None
    answer = ask("oncall", {"service": service, "at": rfc3339(then) if then else ""})
    give(answer, on_call_lines(answer, then or now, now), as_json=as_json)
