"""`tocsin severity`."""

from __future__ import annotations

from tocsin.cli.asking import act
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json, Level, Why


def severity(level: Level, incident: Incident, *, why: Why = "", as_: As = "", as_json: Json = False) -> None:
    """Change or confirm how bad it is.

    Every deadline is computed anew; a higher severity pages from its first level.

    Example: tocsin severity high last --why "only uploads are slow"
    """
    done = f"severity {level.value}"
    body = {"level": level.value, "why": why}
    act("severity", body, acting=as_, told=lambda it: moved(it, done), as_json=as_json, incident=incident)
