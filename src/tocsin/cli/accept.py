"""`tocsin accept`."""

from __future__ import annotations

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json


def accept(incident: Incident, *, as_: As = "", as_json: Json = False) -> None:
    """Take the role you were offered.

    Until you do, whoever offered it keeps it.

    Example: tocsin accept last --as bo
    """
    answer = ask("accept", acting=as_, incident=incident)
    give(answer, moved(answer, "accepted"), as_json=as_json)
