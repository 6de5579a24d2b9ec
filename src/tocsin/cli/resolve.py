"""`tocsin resolve`."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json, Why

TakeCommand = Annotated[
    bool, typer.Option("--take-command", help="Become incident commander first; only the commander resolves.")
]


def resolve(
    incident: Incident, *, why: Why, take_command: TakeCommand = False, as_: As = "", as_json: Json = False
) -> None:
    """Call an incident over, by your signed statement.

    Example: tocsin resolve last --why "configuration restored, checks green for 15 min"
    """
    answer = ask("resolve", {"why": why, "take_command": take_command}, acting=as_, incident=incident)
    give(answer, moved(answer, "resolved"), as_json=as_json)
