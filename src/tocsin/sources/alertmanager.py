"""Alertmanager's webhook, version 4, and Grafana's superset of it.

An object with a list named `alerts`; everything beside that list repeats what the alerts say and is not read. The
`version` is not asked for, because newer Alertmanagers let people shape the payload. An alert's `status` decides
whether it fires; the zero time 0001-01-01 in `endsAt` means that no end is known.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.sources.reading.alerts import Alert, Shape, read
from tocsin.sources.reading.parsed import Parsed


class _Alert(Alert, gc=False):
    status: Literal["firing", "resolved"] = "firing"

    @property
    def firing(self) -> bool:
        return self.status == "firing"


class _Payload(msgspec.Struct, gc=False):
    alerts: list[_Alert] | None


class _Outline(msgspec.Struct, gc=False):
    alerts: list[msgspec.Raw] | None


_whole = msgspec.json.Decoder(_Payload).decode
_outline = msgspec.json.Decoder(_Outline).decode
_SHAPE = Shape(
    called="an Alertmanager webhook: a JSON object with a list named alerts",
    whole=lambda body: _whole(body).alerts or (),
    alert=msgspec.json.Decoder(_Alert).decode,
    parts=lambda body: _outline(body).alerts or (),
    depth=2,
)


def parse(body: bytes) -> Parsed:
    """Read the body of one webhook call.

    Args:
        body: as received.

    Raises:
        InvalidError: it is no such payload at all, so that not even its alerts can be told apart.
    """
    return read(body, _SHAPE)
