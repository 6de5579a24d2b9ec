"""Reaching past the store, as somebody with the database's password could."""

from __future__ import annotations

from typing import Any

from tocsin.application.ports import Database


def spoil(database: Database, statement: str, *values: Any) -> None:
    """Run a statement that no port offers."""
    database.transact(lambda tx: tx.incidents._sql.run(statement, values))  # type: ignore[attr-defined]
