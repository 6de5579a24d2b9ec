"""Verbs on PostgreSQL: no lock is needed, and a backup goes from one database to the other."""

from __future__ import annotations

import psycopg
import pytest


@pytest.fixture
def on_postgres(bare, postgres_database, monkeypatch):
    """`on_postgres(*args)` runs a command line on a laid-out home whose database is a fresh PostgreSQL one."""
    monkeypatch.setenv("TOCSIN_DATABASE_URL", postgres_database)
    made = bare("init", "--pack", "claudex-windows", "--defaults")
    assert made.code == 0, made.err
    bare.url = postgres_database
    return bare


def test_a_backup_goes_from_one_kind_of_database_to_the_other(on_postgres, tmp_path, monkeypatch):
    incident = on_postgres("declare", "Nobody can log in", "--symptom", "größe ✓", "--json").json["id"]
    assert on_postgres("ack", "last", "--as", "ana").code == 0
    told = on_postgres("timeline", "last", "--verify", "--json").json
    assert not (on_postgres.home / "tocsin.db").exists()
    saved = on_postgres("backup", tmp_path / "backup.db")
    assert saved.code == 0, saved.err
    events = len(told["items"])
    assert f"1 incidents with {events} events" in saved.out

    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path / "sqlite"))
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "")
    assert on_postgres("restore", tmp_path / "backup.db").code == 0
    assert on_postgres("timeline", "last", "--verify", "--head", told["head"], "--json").json == told
    assert on_postgres("note", "on SQLite now", "last").code == 0
    assert on_postgres("backup", tmp_path / "second.db").code == 0

    monkeypatch.setenv("TOCSIN_HOME", str(on_postgres.home))
    monkeypatch.setenv("TOCSIN_DATABASE_URL", on_postgres.url)
    assert on_postgres("restore", tmp_path / "second.db").code == 3
    with psycopg.connect(on_postgres.url) as node:
        node.execute("SELECT 1")
        refused = on_postgres("restore", tmp_path / "second.db", "--yes")
        assert (refused.code, "Stop every node first" in refused.err) == (3, True)
    restored = on_postgres("restore", tmp_path / "second.db", "--yes")
    assert restored.code == 0, restored.err
    assert on_postgres("timeline", incident, "--verify", "--events").out.split()[-1] == "noted"
    assert on_postgres("note", "on PostgreSQL again", "last").code == 0


def test_whoever_waits_for_a_page_is_told_that_a_node_has_to_run(on_postgres):
    assert "as long as a node runs" in on_postgres("declare", "Nobody can log in").err
    assert "PostgreSQL, schema" in on_postgres("doctor").out
    assert on_postgres("migrate", "--json").json["before"] is not None


def test_a_database_that_is_gone_is_exit_4(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("TOCSIN_DATABASE_URL", f"postgresql://nobody@/nothing?host={tmp_path}&connect_timeout=1")
    assert bare("list").code == 4
    assert bare("backup", tmp_path / "b").code == 4
    assert not (tmp_path / "b").exists()
