"""One SQL text for both databases: `?` placeholders, integers for instants, bytes for hashes.

What differs is small and named here: how a row is locked, and how a placeholder is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
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


_AT_ONCE = (64, 32, *range(16, 0, -1))
"""Rows one statement takes; few sizes, so that few statements are prepared."""


def insert_all(sql: Sql, into: str, rows: Sequence[Sequence[Any]], otherwise: str = "") -> int:
    """Insert rows, many with one statement, and return how many were touched.

    Each statement lets go of the interpreter and has to get it back, which costs more than the statement where other
    threads want it too; so it is done for many rows at once.

    Args:
        sql: the transaction's connection.
        into: such as "INSERT INTO texts (id, words)".
        rows: values, all of the same width.
        otherwise: what follows the values, such as an ON CONFLICT clause.
    """
    touched = start = 0
    while start < len(rows):
        count = next(size for size in _AT_ONCE if size <= len(rows) - start)
        values = tuple(chain.from_iterable(rows[start : start + count]))
        touched += sql.run(_insertion(into, len(rows[start]), count, otherwise), values)
        start += count
    return touched


@lru_cache(maxsize=128)
def _insertion(into: str, width: int, count: int, otherwise: str) -> str:
    return f"{into} VALUES {', '.join([f'({marks(width)})'] * count)} {otherwise}"


@lru_cache(maxsize=512)
def percent(statement: str) -> str:
    """The statement with the placeholders psycopg wants."""
    return statement.replace("%", "%%").replace("?", "%s")
