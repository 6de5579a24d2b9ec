"""Arguments and options that several verbs share, so that they are called the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.domain.severity import Severity

Incident = Annotated[
    str, typer.Argument(metavar="INC", help="Id of an incident, an unambiguous ending of one, or 'last'.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs; errors too, on standard error.")]
As = Annotated[
    str, typer.Option("--as", "--by", metavar="PERSON", help="Who acts, for the record; else whoever this is.")
]
By = Annotated[str, typer.Option("--by", metavar="PERSON", help="Who acts, for the record; else whoever this is.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it stands on the timeline.")]
Level = Annotated[
    Severity, typer.Argument(metavar="LEVEL", case_sensitive=False, help="CRITICAL, HIGH, MEDIUM or LOW.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many.")]
