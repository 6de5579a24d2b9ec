"""`tocsin decline`."""

from __future__ import annotations

from tocsin.cli.asking import act
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json, Why


def decline(incident: Incident, *, why: Why = "", as_: As = "", as_json: Json = False) -> None:
    """Say that you cannot take it: the next one is paged at once.

    Example: tocsin decline last --why "on a train without network"
    """
    act("decline", {"why": why}, acting=as_, told=lambda it: moved(it, "declined"), as_json=as_json, incident=incident)
