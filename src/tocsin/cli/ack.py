"""`tocsin ack`."""

from __future__ import annotations

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json


def ack(incident: Incident, *, as_: As = "", as_json: Json = False) -> None:
    """Say that you have an incident: its pages stop.

    The unacknowledged ladder stops; the resolution ladder goes on, and an acknowledgement goes stale
    when nothing follows.

    Example: tocsin ack last
    """
    answer = ask("acknowledge", acting=as_, incident=incident)
    give(answer, moved(answer, "acknowledged"), as_json=as_json)
