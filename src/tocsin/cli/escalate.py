"""`tocsin escalate`."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.asking import act
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json, Why

Tier = Annotated[
    int | None,
    typer.Option("--level", metavar="1|2|3|4", min=1, max=4, help="Page this level; the next one otherwise."),
]


def escalate(incident: Incident, *, why: Why, level: Tier = None, as_: As = "", as_json: Json = False) -> None:
    """Page the next level now.

    Example: tocsin escalate last --why "needs somebody who knows the storage"
    """
    act(
        "escalate",
        {"why": why, "level": level},
        acting=as_,
        told=lambda it: moved(it, "escalated"),
        as_json=as_json,
        incident=incident,
    )
