"""`tocsin declare`."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.asking import act
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Json
from tocsin.domain.severity import Severity

Title = Annotated[str, typer.Argument(metavar="TITLE", help="What is wrong, in one line.")]
Service = Annotated[str, typer.Option("--service", metavar="S", help="What is broken; the first service otherwise.")]
HowBad = Annotated[
    Severity | None,
    typer.Option(
        "--severity", metavar="L", case_sensitive=False, help="CRITICAL, HIGH, MEDIUM or LOW; HIGH otherwise."
    ),
]
Symptoms = Annotated[list[str] | None, typer.Option("--symptom", metavar="TEXT", help="What is seen; may be repeated.")]
Users = Annotated[str, typer.Option("--users", metavar="N|N%", help="How many users it touches.")]
Impact = Annotated[str, typer.Option("--impact", metavar="TEXT", help="What it means for the business.")]


def declare(
    title: Title,
    *,
    service: Service = "",
    severity: HowBad = None,
    symptom: Symptoms = None,
    users: Users = "",
    impact: Impact = "",
    as_: As = "",
    as_json: Json = False,
) -> None:
    """Open an incident and page whoever is due.

    Example: tocsin declare "Nobody can log in" --service claudex --severity critical
    """
    body = {
        "title": title,
        "service": service,
        "severity": severity.value if severity else None,
        "symptom": list(symptom or ()),
        "users": users,
        "impact": impact,
    }
    act("declare", body, acting=as_, told=lambda it: moved(it, "declared"), as_json=as_json)
