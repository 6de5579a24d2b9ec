"""`tocsin close`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import moved
from tocsin.cli.options import By, Incident, Json, Why


class Ending(StrEnum):
    """What the incident was, when it was none to be resolved."""

    FALSE_ALARM = "false-alarm"
    DUPLICATE = "duplicate"
    MERGED = "merged"


Kind = Annotated[Ending, typer.Option("--as", help="What it was.")]


def close(incident: Incident, *, as_: Kind, why: Why, by: By = "", as_json: Json = False) -> None:
    """Close what was none: false alarm, duplicate or merged.

    Only the incident commander closes, and for CRITICAL a second person has to say the same. There is no review.

    Example: tocsin close last --as false-alarm --why "the probe's certificate had run out"
    """
    answer = ask("close", {"outcome": as_.value, "why": why}, acting=by, incident=incident)
    done = f"closed as {as_.value}" if answer["resolved_at"] else f"proposed as {as_.value}; a second person must agree"
    give(answer, moved(answer, done), as_json=as_json)
