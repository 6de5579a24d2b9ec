"""`tocsin show`."""

from __future__ import annotations

from datetime import UTC, datetime

from tocsin.cli.asking import connected, give
from tocsin.cli.incident_text import incident_lines
from tocsin.cli.options import Incident, Json


def show(incident: Incident, *, as_json: Json = False) -> None:
    """Say who has an incident, what happens next and when.

    Example: tocsin show last
    """
    with connected() as backend:
        answer = backend.call("show", {}, incident=incident)
        steps = {"items": []} if as_json else backend.call("next", {}, incident=answer["id"])
    give(answer, incident_lines(answer, steps, datetime.now(UTC)), as_json=as_json)
