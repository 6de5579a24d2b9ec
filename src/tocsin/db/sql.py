"""One SQL text for both databases: `?` placeholders, integers for instants, bytes for hashes.

What differs is small and named here: how a row is locked, and how a placeholder is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Protocol

Row = tuple[Any, ...]


class LostRaceError(Exception):
    """Another node changed a row after this transaction had read it: the transaction is run again from its start."""


class Sql(Protocol):
    """A connection inside one transaction."""

    lock: str
    """Appended to a SELECT whose rows this transaction will write."""
    skip: str
    """The same, passing over rows another node holds."""
    ends_all: tuple[type[Exception], ...]
    """What ends the transaction as a whole, not only the part of it in which it was raised."""
    held: tuple[type[Exception], ...]
    """What says that somebody else holds a row for longer than we wait."""

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it touched."""
        ...

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement once for each row of values, and return how many rows they touched together."""
        ...


def marks(count: int) -> str:
    """Placeholders for an IN list."""
    return ", ".join("?" * count)


@lru_cache(maxsize=512)
def percent(statement: str) -> str:
    """The statement with the placeholders psycopg wants."""
    return statement.replace("%", "%%").replace("?", "%s")
