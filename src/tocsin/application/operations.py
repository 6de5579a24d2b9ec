"""Every thing that can be asked of Tocsin, once: name, REST path, least access, facts it takes, and what does it.

The API builds its routes from this table, the CLI its calls, and the tests their route × role matrix: an operation that
is not listed here is reachable from nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Access(StrEnum):
    """What a token may do; each includes the ones before it."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    COMMANDER = "commander"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Access).index(self)

    def includes(self, needed: Access) -> bool:
        """Whether this access is enough for an operation that needs `needed`."""
        return self.rank >= needed.rank


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Args:
        name: what the CLI and the OpenAPI document call it.
        method: GET, POST, PUT or DELETE.
        path: below /api/v1, with `{name}` parameters that `run` receives by name.
        access: the least a token needs.
        body: frozen dataclass of the facts it takes: the JSON body of a POST, the query of a GET.
        run: `run(app, actor, body, **path parameters)`; gives JSON-ready data and raises `TocsinError`s.
        summary: one line for people.
        status: HTTP status of success.
    """

    name: str
    method: str
    path: str
    access: Access
    body: type[Any]
    run: Callable[..., Mapping[str, Any]]
    summary: str
    status: int = 200
