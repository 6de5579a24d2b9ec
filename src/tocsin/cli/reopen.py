"""`tocsin reopen`."""

from __future__ import annotations

from tocsin.cli.asking import act
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json, Why


def reopen(incident: Incident, *, why: Why, as_: As = "", as_json: Json = False) -> None:
    """Say that it is not over after all.

    The incident goes back into remediation, and its level clocks start again.

    Example: tocsin reopen last --why "errors are back since 14:10"
    """
    act("reopen", {"why": why}, acting=as_, told=lambda it: moved(it, "reopened"), as_json=as_json, incident=incident)
