"""`tocsin next`."""

from __future__ import annotations

from datetime import UTC, datetime

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import next_lines
from tocsin.cli.options import Incident, Json


def next_pages(incident: Incident, *, as_json: Json = False) -> None:
    """Say who will be paged when, if nothing happens until then.

    Times are local; who is on call is as of now.

    Example: tocsin next last
    """
    answer = ask("next", incident=incident)
    give(answer, next_lines(answer, datetime.now(UTC)), as_json=as_json)
