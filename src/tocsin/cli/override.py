"""`tocsin override add | list | remove`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.options import As, Json
from tocsin.cli.people_text import override_line, override_lines
from tocsin.cli.times import instant, rfc3339
from tocsin.domain.errors import InvalidError

app = typer.Typer(
    help="Let somebody stand in for a while, and see or end that.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Schedule = Annotated[str, typer.Option("--schedule", metavar="S", help="The schedule it changes.")]
Person = Annotated[str, typer.Option("--person", metavar="P", help="Who stands in.")]
Start = Annotated[str, typer.Option("--starts-at", "--from", metavar="T", help="From when: now, 18:00, +2h …")]
End = Annotated[str, typer.Option("--ends-at", "--until", metavar="T", help="Until when: 18:00, '2026-11-24 09:00' …")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As 'tocsin override list' shows it.")]


@app.command("add")
def add(
    *, schedule: Schedule, person: Person, ends_at: End, starts_at: Start = "now", as_: As = "", as_json: Json = False
) -> None:
    """Put somebody on call in a schedule, whatever its rotation says.

    Example: tocsin override add --schedule tier-1 --person bo --from 18:00 --until "2026-11-24 09:00"
    """
    now = datetime.now(UTC)
    start, end = instant(starts_at, now), instant(ends_at, now)
    if end <= start:
        raise InvalidError(f"The override would end ({ends_at}) before it starts ({starts_at}); nothing was changed.")
    body = {"schedule": schedule, "person": person, "starts_at": rfc3339(start), "ends_at": rfc3339(end)}
    answer = ask("override-add", body, acting=as_)
    give(answer, [override_line(answer, now)], as_json=as_json)


@app.command("list")
def list_overrides(*, as_json: Json = False) -> None:
    """List who stands in for whom, and until when.

    Example: tocsin override list
    """
    answer = ask("override-list")
    give(answer, override_lines(answer, datetime.now(UTC)), as_json=as_json)


@app.command("remove")
def remove(override: Id, *, as_: As = "", as_json: Json = False) -> None:
    """End an override; the rotation holds again at once.

    Example: tocsin override remove 7
    """
    answer = ask("override-remove", acting=as_, override=override)
    give(answer, [f"The override {override} is gone; the rotation holds again."], as_json=as_json)
