"""What `backup` and `restore` say of the timelines in a file: a hash over their heads, and which do not verify."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def saved(tocsin, tmp_path):
    """A backup of two incidents with a note each, and what was said of it."""
    for title in ("ClaudexDown", "DiskFull"):
        tocsin("declare", title, "--service", "claudex")
        tocsin("note", "seen", "last")
    file = tmp_path / "backup.db"
    return file, tocsin("backup", file, "--json").json


def spoil(file, statement):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


def test_the_same_heads_are_told_when_it_is_written_and_when_it_is_restored(tocsin, saved):
    file, said = saved
    assert len(said["heads"]) == 64
    assert said["unproven"] == []
    tocsin("note", "after the backup", "last")
    assert tocsin("backup", file, "--yes", "--json").json["heads"] != said["heads"], "a note is one more link"
    told = tocsin("backup", file, "--yes").out
    again = tocsin("restore", file, "--yes", "--json").json
    assert f"Heads: {again['heads']}" in told


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET body = CAST(body || ' ' AS BLOB) WHERE seq = 1",
        "DELETE FROM events WHERE (incident_id, seq) IN (SELECT id, head_seq FROM incidents ORDER BY id LIMIT 1)",
        "DELETE FROM events WHERE seq = 1 AND incident_id = (SELECT min(id) FROM incidents)",
        "DELETE FROM incidents WHERE id = (SELECT min(id) FROM incidents)",
        "UPDATE incidents SET head_hash = x'00' WHERE id = (SELECT min(id) FROM incidents)",
    ],
    ids=["rewritten", "cut at the end", "cut at the start", "incident gone", "other head"],
)
def test_a_file_that_was_tampered_with_says_so_and_is_restored_as_it_is(tocsin, saved, change):
    file, said = saved
    first = min(one["id"] for one in tocsin("list", "--json").json["items"])
    spoil(file, change)
    restored = tocsin("restore", file, "--yes", "--json")
    assert restored.code == 0, "a damaged past is better than none"
    assert first in restored.json["unproven"]
    assert f"do not verify ({first}" in tocsin("restore", file, "--yes").out
    if "incidents" in change.partition("WHERE")[0]:
        assert restored.json["heads"] != said["heads"]
