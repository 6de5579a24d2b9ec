"""Who is on call and who stands in, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from tocsin.cli.printing import printable, table
from tocsin.cli.times import clock_zone, local, parsed

Data = Mapping[str, Any]


def override_line(override: Data, now: datetime, zone: tzinfo | None = None) -> str:
    """One stand-in, in a sentence."""
    start, end = (local(parsed(override[edge]), now, zone) for edge in ("starts_at", "ends_at"))
    who, where = printable(override["person"]), printable(override["schedule"])
    return f"{who} stands in on {where} from {start} until {end} ({override['id']})."


def override_lines(answer: Data, now: datetime, zone: tzinfo | None = None) -> list[str]:
    """Every stand-in, one per line."""
    if not answer["items"]:
        return ["Nobody stands in for anybody."]
    rows = [
        [
            str(one["id"]),
            printable(one["schedule"]),
            printable(one["person"]),
            local(parsed(one["starts_at"]), now, zone),
            local(parsed(one["ends_at"]), now, zone),
        ]
        for one in answer["items"]
    ]
    return table([["ID", "SCHEDULE", "WHO", "FROM", "UNTIL"], *rows])


def on_call_lines(answer: Data, at: datetime, now: datetime, zone: tzinfo | None = None) -> Iterator[str]:
    """Who is on call at an instant, per level."""
    yield f"On call for {printable(answer['service'])} at {local(at, now, zone)} {clock_zone(at, zone)}:"
    rows = [
        [
            f"  L{level['level']}",
            printable(level["title"]),
            ", ".join(_called(one) for one in level["people"]) or "nobody",
        ]
        for level in answer["items"]
    ]
    yield from table(rows)


def _called(person: Data) -> str:
    return f"{printable(person['name'])} ({printable(person['person'])})"
