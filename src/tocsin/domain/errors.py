"""What can go wrong, in words for the person who reads it; adapters map these to HTTP statuses and exit codes."""

from __future__ import annotations

from collections.abc import Iterable


class TocsinError(Exception):
    """Something was not done; the message says what, where, what would be right, and that nothing was lost.

    Args:
        detail: one or two full sentences for a person.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidError(TocsinError):
    """What was asked for cannot be understood or is against a rule whatever the state (HTTP 422, exit 2)."""


class NotFoundError(TocsinError):
    """The thing named does not exist (HTTP 404, exit 3)."""


class NotAllowedNowError(TocsinError):
    """The move is legal, but not in the incident's present state (HTTP 409, exit 3).

    Args:
        detail: what stands in the way.
        allowed: the commands that are possible now.
    """

    def __init__(self, detail: str, allowed: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.allowed = tuple(sorted(allowed))


class ForbiddenError(TocsinError):
    """Whoever asks may not do this (HTTP 403, exit 3)."""


class UnavailableError(TocsinError):
    """The database or another part is out of reach; trying again is right (HTTP 503, exit 4)."""


class HeldError(UnavailableError):
    """Somebody else holds what this needs and does not let go of it; what needs something else can go on."""


class ProceduresError(TocsinError):
    """A procedures directory is not valid (exit 2).

    Args:
        faults: each "file:line:column: message".
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))
