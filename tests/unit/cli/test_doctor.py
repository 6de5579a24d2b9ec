"""What `tocsin doctor` finds on a home without a server."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.cli.examination import State, compare_clocks
from tocsin.cli.home_lock import take_lock
from tocsin.settings import Settings


def checks(tocsin):
    answer = tocsin("doctor", "--json")
    found = {one["check"]: (one["state"], one["detail"]) for one in answer.json["checks"]}
    assert answer.code == (1 if any(state == "fail" for state, _ in found.values()) else 0)
    assert answer.json["ok"] is (answer.code == 0)
    return found


def test_a_home_whose_mail_server_does_not_answer_fails(tocsin):
    found = checks(tocsin)
    assert found["mail"][0] == "fail"
    assert "site.yaml" in found["mail"][1]
    assert {name for name, (state, _) in found.items() if state == "ok"} == {
        "python", "settings", "home", "disk", "database", "clock", "procedures",
    }  # fmt: skip
    assert found["server"] == ("warn", "none runs in this home, so nothing is sent; start one with 'tocsin serve'.")
    assert found["public url"][0] == "warn"


def test_everything_fits_eighty_columns(tocsin):
    lines = tocsin("doctor").out.splitlines()
    assert lines[0] == "1 of 10 checks failed."
    assert max(map(len, lines)) <= 80


def test_a_home_that_was_never_laid_out(bare):
    found = checks(bare)
    assert found["home"][0] == "fail"
    assert found["database"][0] == "fail"
    assert found["procedures"][0] == "fail"


def test_what_others_may_read_is_pointed_at(tocsin):
    (tocsin.home / ".env").write_text("TOCSIN_SECRET_KEY=s\n")
    (tocsin.home / ".env").chmod(0o644)
    state, detail = checks(tocsin)["home"]
    assert (state, detail.endswith(f"chmod go-rwx {tocsin.home / '.env'}")) == ("warn", True)


def test_a_crash_point_is_a_fault_outside_tests(tocsin, monkeypatch):
    monkeypatch.setenv("TOCSIN_TEST", "1")
    monkeypatch.setenv("TOCSIN_CRASH_AT", "page.after_send:999")
    assert checks(tocsin)["settings"][0] == "fail"


def test_a_lock_without_a_server_is_a_fault(tocsin):
    with take_lock(Settings(home=tocsin.home)):
        state, detail = checks(tocsin)["server"]
    assert (state, "no server answers" in detail) == ("fail", True)


def test_procedures_that_were_not_applied_are_pointed_at(tocsin):
    people = tocsin.home / "procedures" / "people.yaml"
    people.write_text(people.read_text().replace("Ana Alvarez", "Ana Almeida"))
    state, detail = checks(tocsin)["procedures"]
    assert (state, "'tocsin apply' makes it so" in detail) == ("warn", True)


def test_procedures_with_faults_are_a_fault(tocsin):
    (tocsin.home / "procedures" / "site.yaml").write_text("a: 1\nb: 2\n")
    state, detail = checks(tocsin)["procedures"]
    assert (state, "more; see them all with 'tocsin check" in detail) == ("fail", True)


def test_a_database_of_another_release_is_a_fault(tocsin):
    with sqlite3.connect(tocsin.home / "tocsin.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
    database.close()
    found = checks(tocsin)
    assert "tocsin migrate" in found["database"][1]
    assert found["procedures"][0] == "fail"
    assert "tocsin migrate" in checks(tocsin)["database"][1]  # to look changes nothing


def test_a_database_nobody_can_read_is_a_fault(tocsin):
    (tocsin.home / "tocsin.db").write_bytes(b"this is no database" * 100)
    assert checks(tocsin)["database"][0] == "fail"


def test_a_database_without_procedures_is_a_fault(tocsin):
    with sqlite3.connect(tocsin.home / "tocsin.db") as database:
        database.execute("DELETE FROM settings WHERE name LIKE '%procedures%'")
    database.close()
    assert "no version is active" in checks(tocsin)["procedures"][1]


@pytest.mark.parametrize(
    ("there", "newest", "state"),
    [
        (timedelta(0), None, State.OK),
        (timedelta(seconds=4), timedelta(seconds=-1), State.OK),
        (timedelta(seconds=-6), None, State.WARN),
        (timedelta(0), timedelta(seconds=6), State.WARN),
    ],
)
def test_clocks_that_disagree_are_pointed_at(there, newest, state):
    now = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
    assert compare_clocks(now, now + there, None if newest is None else now + newest).state is state


def test_an_address_that_phones_can_reach_is_well(tocsin, monkeypatch):
    monkeypatch.setenv("TOCSIN_PUBLIC_URL", "https://tocsin.example.org")
    assert checks(tocsin)["public url"] == ("ok", "https://tocsin.example.org")
