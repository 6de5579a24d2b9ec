"""`tocsin check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.asking import settings
from tocsin.cli.failure import USAGE
from tocsin.cli.options import Json
from tocsin.cli.printing import print_json, print_lines
from tocsin.domain.errors import ProceduresError
from tocsin.domain.procedures import Procedures

Directory = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="The procedures directory; the configured one otherwise.")
]
SchemaOf = Annotated[
    str, typer.Option("--schema", metavar="FILE", help="Print the JSON Schema of a file such as people.yaml instead.")
]


def check(directory: Directory = None, *, schema: SchemaOf = "", as_json: Json = False) -> int:
    """Say every fault of a procedures directory, or print a file's JSON Schema.

    Each fault is one line, FILE:LINE:COLUMN: what is wrong; what would be right. The exit code is 2 when there is one.

    Example: tocsin check ~/procedures
    """
    if schema:
        from tocsin.procedures.schema import json_schema

        print_json(json_schema(schema))
        return 0
    return _judge(directory or settings().procedures, as_json=as_json)


def _judge(directory: Path, *, as_json: bool) -> int:
    from tocsin.procedures.loader import load

    try:
        procedures = load(directory)
    except ProceduresError as error:
        if as_json:
            print_json({"valid": False, "directory": str(directory), "faults": list(error.faults)})
        else:
            print_lines(error.faults)
        return USAGE
    if as_json:
        print_json({"valid": True, "directory": str(directory), "faults": [], **contents(procedures)})
    else:
        print_lines([f"The procedures in {directory} are valid: {summary(procedures)}."])
    return 0


def contents(procedures: Procedures) -> dict[str, Any]:
    """What a version of the procedures holds, as data."""
    return {
        "version": procedures.version,
        "title": procedures.title,
        "services": sorted(procedures.services),
        "people": sorted(procedures.people),
        "schedules": sorted(procedures.schedules),
    }


def summary(procedures: Procedures) -> str:
    """The same for people: "2 services, 9 people, 4 schedules, version 1f3a…"."""
    counts = (
        _count(len(procedures.services), "service", "services"),
        _count(len(procedures.people), "person", "people"),
        _count(len(procedures.schedules), "schedule", "schedules"),
    )
    return f"{', '.join(counts)}, version {procedures.version[:12]}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
