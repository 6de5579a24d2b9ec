"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import datetime, timedelta


class HandClock:
    """`application.ports.Clock`, set by hand.

    Args:
        at: where it starts, aware UTC.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Where it was set."""
        return self.at

    def forward(self, seconds: float = 0, *, minutes: float = 0) -> datetime:
        """Let time pass."""
        self.at += timedelta(seconds=seconds, minutes=minutes)
        return self.at
