"""How bad it is: the four levels, and what a sender's label means (R5, RULES.md *Alerts into incidents*)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Severity(StrEnum):
    """The four levels of R5, worst first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """Position from worst (0) to mildest (3): smaller is more urgent."""
        return _RANKS[self]

    def worse_than(self, other: Severity) -> bool:
        """Whether this level is strictly more urgent than the other."""
        return self.rank < other.rank


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}

UNKNOWN = Severity.HIGH
"""What a label nobody mapped counts as: better one page too many than one too few (RULES.md)."""


def from_label(label: str | None, mapping: Mapping[str, Severity]) -> Severity:
    """Read a sender's severity label.

    Args:
        label: the value of the alert's severity label; None when the alert has none.
        mapping: lower-case label to level, from the procedures.

    Returns:
        The mapped level, or `UNKNOWN` for a label nobody mapped.
    """
    return UNKNOWN if label is None else mapping.get(label.strip().lower(), UNKNOWN)
