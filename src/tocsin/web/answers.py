"""JSON answers: instants as RFC 3339 UTC, encoded by msgspec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response


def json_answer(data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body.

    Args:
        data: JSON-ready.
        status: HTTP status.
        headers: further headers.
    """
    return Response(msgspec.json.encode(data), status, headers, "application/json")
