"""Whatever a migration adds to the schema is in a backup, from either database to the other, without a word more."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

from tocsin.db import transfer

VALUES = {"TEXT": "naïve → ✓", "BLOB": b"\x00\xff\x00", "INTEGER": 7, "BIGINT": 2**53 + 1, "SMALLINT": 1}


def tables(connection):
    """Columns and their types of every table that a team's data is in."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return {
        name: {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({name})")}
        for (name,) in names.fetchall()
        if name != "alembic_version"
    }


def rows(file):
    with closing(sqlite3.connect(file)) as connection:
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables(connection)}


def test_a_row_with_a_value_in_every_column_goes_from_one_database_to_the_other_and_back(
    laid_out_file, emptied_postgres, tmp_path
):
    full = tmp_path / "full.db"
    shutil.copy(laid_out_file, full)
    with closing(sqlite3.connect(full)) as connection:
        for name, columns in tables(connection).items():
            marks = ", ".join("?" * len(columns))
            connection.execute(f"INSERT INTO {name} VALUES ({marks})", [VALUES[kind] for kind in columns.values()])
        connection.commit()
    written = rows(full)
    assert all(len(its) == 1 and None not in its[0] for its in written.values())
    assert {"callbacks", "pages", "incidents"} <= set(written)

    saved, again = tmp_path / "saved.db", tmp_path / "again.db"
    transfer.save_sqlite(full, saved)
    transfer.restore_postgres(saved, emptied_postgres, tmp_path / "scratch.db")
    transfer.save_postgres(emptied_postgres, again)
    assert rows(again) == rows(saved) == written
