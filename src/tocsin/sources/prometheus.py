"""Prometheus sending straight to us, as if we were an Alertmanager: `POST /api/v2/alerts`.

A JSON list of alerts without a status. Prometheus repeats a firing alert every minute or so with an `endsAt` a few
minutes ahead, and ends it by sending an `endsAt` that has passed. Whether it has passed is a question for the clock,
so every signal read here is firing and carries its `ends_at` for the ingest use case to compare.
"""

from __future__ import annotations

import msgspec

from tocsin.sources.reading.alerts import Alert, Shape, read
from tocsin.sources.reading.parsed import Parsed

_SHAPE = Shape(
    called="a list of alerts as Prometheus sends them to an Alertmanager: a JSON list of objects with labels",
    whole=msgspec.json.Decoder(list[Alert]).decode,
    alert=msgspec.json.Decoder(Alert).decode,
    parts=msgspec.json.Decoder(list[msgspec.Raw]).decode,
    depth=1,
)


def parse(body: bytes) -> Parsed:
    """Read the body of one request.

    Args:
        body: as received.

    Raises:
        InvalidError: it is no such list at all, so that not even its alerts can be told apart.
    """
    return read(body, _SHAPE)
