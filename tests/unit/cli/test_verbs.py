"""Every verb on a real home, without a server: what it answers, and with which exit code."""

from __future__ import annotations

import json
import sqlite3
import stat

import pytest

INCIDENT = {
    "id", "title", "service", "severity", "status", "phase", "level", "round", "commander", "declared_at",
    "acknowledged_at", "resolved_at", "next_due_at", "alerts", "pages", "procedures",
}  # fmt: skip


def declared(tocsin, *options):
    return tocsin("declare", "Nobody can log in", "--service", "claudex", *options, "--json").json["id"]


def test_a_declared_incident_is_shown_with_everything_promised(tocsin):
    """INTERFACE.md *Commands*: JSON of an incident."""
    answer = tocsin(
        "declare", "Nobody can log in", "--severity", "critical", "--symptom", "a", "--symptom", "b", "--json"
    )
    assert answer.code == 0
    assert set(answer.json) >= INCIDENT
    assert answer.json["severity"] == "CRITICAL"
    assert answer.json["symptoms"] == "a\nb"
    assert tocsin("show", "last", "--json").json == answer.json | {"next_due_at": answer.json["next_due_at"]}


def test_the_first_line_for_people_is_the_answer(tocsin):
    incident = declared(tocsin, "--severity", "CRITICAL")
    shown = tocsin("show", "last")
    assert shown.out.startswith("Nobody has it yet; next ")
    assert f"and so on: tocsin next {incident}" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert tocsin("ack", "last", "--as", "ana").out.startswith(f"{incident} acknowledged. ana has it since ")
    assert tocsin("show", "last").out.startswith("ana has it since ")


def test_without_a_server_whoever_waits_for_a_page_is_told_so(tocsin):
    told = tocsin("declare", "Nobody can log in")
    assert "pages go out only when 'tocsin serve' does" in told.err
    assert tocsin("escalate", "last", "--why", "x", "--json").err == ""


def test_an_incident_goes_through_every_verb(tocsin):
    incident = declared(tocsin, "--severity", "high")
    tail = incident[-6:]
    assert tocsin("list", "--status", "open", "--json").json["items"][0]["id"] == incident
    assert tocsin("ack", tail, "--as", "ana", "--json").json["acknowledged_by"] == "ana"
    assert tocsin("severity", "critical", "last", "--why", "spreads", "--json").json["severity"] == "CRITICAL"
    assert "assigned: commander is ana" in tocsin("assign", "commander", "ana", "last", "--as", "ana").out
    offered = tocsin("assign", "commander", "bo", "last", "--why", "knows it", "--as", "ana")
    assert "assigned: commander was offered to bo" in offered.out
    assert tocsin("accept", "last", "--as", "bo", "--json").json["commander"] == "bo"
    assert "assigned: sme is cem" in tocsin("assign", "sme", "cem", "last", "--as", "bo").out
    assert tocsin("escalate", "last", "--why", "storage", "--level", "4", "--json").json["level"] == 4
    assert tocsin("note", "restarted the queue", "last").code == 0
    assert tocsin("note", "last", "watching", "it").code == 0
    assert tocsin("severity", "high", "last", "--why", "contained").code == 0
    events = tocsin("timeline", "last", "--events").out.split()
    assert events[:2] == ["declared", "round_opened"]
    assert {"acknowledged", "severity_changed", "role_assigned", "escalated", "noted"} <= set(events)
    assert "watching it" in tocsin("timeline", "last").out


def test_an_incident_ends_and_begins_again(tocsin, monkeypatch):
    incident = declared(tocsin)
    monkeypatch.setenv("LOGNAME", "ana")
    assert tocsin("ack", "last", "--json").json["acknowledged_by"] == "ana"
    over = tocsin("resolve", "last", "--why", "checks green")
    assert over.code == 0
    assert f"{incident} resolved. It is over: resolved by ana" in over.out
    late = tocsin("ack", "last")
    assert late.code == 3
    assert "Possible now: note, reopen." in late.err
    assert json.loads(tocsin("ack", "last", "--json").err)["allowed"] == ["note", "reopen"]
    assert tocsin("reopen", "last", "--why", "errors are back", "--json").json["phase"] == "remediation"
    assert tocsin("close", "last", "--as", "false-alarm", "--why", "the probe").code == 0
    assert tocsin("show", "last", "--json").json["closed_as"] == "false-alarm"


def test_a_critical_incident_is_closed_by_two(tocsin, monkeypatch):
    declared(tocsin, "--severity", "critical")
    monkeypatch.setenv("LOGNAME", "ana")
    tocsin("ack", "last")
    first = tocsin("close", "last", "--as", "duplicate", "--why", "same as before")
    assert "proposed as duplicate; a second person must agree" in first.out
    assert tocsin("show", "last", "--json").json["resolved_at"] is None
    monkeypatch.setenv("LOGNAME", "bo")
    assert "closed as duplicate" in tocsin("close", "last", "--as", "duplicate", "--why", "yes").out


def test_somebody_who_cannot_take_it_hands_it_on(tocsin):
    declared(tocsin, "--severity", "critical")
    on_call = tocsin("next", "last", "--json").json["items"][0]["people"]
    assert on_call
    assert "declined" in tocsin("decline", "last", "--as", "dee", "--why", "on a train").out


def test_a_chain_that_was_rewritten_is_noticed(tocsin):
    declared(tocsin)
    whole = tocsin("timeline", "last", "--verify", "--json")
    assert (whole.code, whole.json["verified"]) == (0, True)
    head = whole.json["head"]
    assert whole.json["items"][-1]["hash"] == head
    for kept in (head, f" {head.upper()} "):  # as a person may have kept it
        assert tocsin("timeline", "last", "--verify", "--head", kept).code == 0
    assert tocsin("timeline", "last", "--verify", "--head", "00" * 32).code == 1
    with sqlite3.connect(tocsin.home / "tocsin.db") as database:
        database.execute("UPDATE events SET body = CAST(replace(body, 'HIGH', 'LOW!') AS BLOB) WHERE seq = 1")
    database.close()
    broken = tocsin("timeline", "last", "--verify")
    assert broken.code == 1
    assert "The timeline has been changed:" in broken.out


def test_a_head_without_verify_is_a_usage_error(tocsin):
    assert tocsin("timeline", "last", "--head", "00").code == 2


def test_what_is_not_there_is_not_found(tocsin):
    assert tocsin("show", "INC-20000101-000000").code == 3
    assert tocsin("show", "last").code == 3
    assert tocsin("override", "remove", "none").code == 3
    assert tocsin("tokens", "revoke", "none").code == 3
    assert tocsin("integrations", "revoke", "none").code == 3


def test_what_cannot_be_asked_for_is_a_usage_error(tocsin):
    assert tocsin("declare", "x", "--service", "nonsense").code == 2
    assert tocsin("declare", "\udcff").code == 2
    assert tocsin("override", "add", "--schedule", "s", "--person", "ana", "--until", "soon").code == 2
    assert tocsin("init", "--set", "mail.port").code == 2
    assert tocsin("resolve", "last").code == 2


def test_people_stand_in_for_one_another(tocsin):
    schedule = tocsin("oncall", "--json").json["items"][0]["schedules"][0]
    added = tocsin("override", "add", "--schedule", schedule, "--person", "gus", "--until", "+2h", "--json")
    assert added.code == 0, added.err
    assert "gus" in tocsin("override", "list").out
    assert "(gus)" in tocsin("oncall").out
    assert "(gus)" not in tocsin("oncall", "--at", "+3h").out
    assert tocsin("override", "remove", added.json["id"]).code == 0
    assert tocsin("override", "list").out == "Nobody stands in for anybody.\n"
    assert (
        tocsin("override", "add", "--schedule", schedule, "--person", "gus", "--from", "+2h", "--until", "+1h").code
        == 2
    )


def test_tokens_are_shown_once(tocsin):
    made = tocsin("tokens", "create", "--role", "responder", "--person", "ana")
    token, told = made.out.splitlines()
    assert token.startswith("tcs_")
    assert "not shown again" in told
    listed = tocsin("tokens", "list")
    assert token not in listed.out
    assert "ana" in listed.out
    ident = next(one["id"] for one in tocsin("tokens", "list", "--json").json["items"] if one["person"] == "ana")
    assert tocsin("tokens", "revoke", ident).code == 0
    assert "ended" in tocsin("tokens", "list").out


def test_an_integration_comes_with_addresses_to_paste(tocsin):
    """INTERFACE.md *Commands*: {"key", "urls": {"alertmanager": …}}."""
    added = tocsin("integrations", "add", "--name", "prometheus", "--service", "claudex", "--json").json
    assert added["urls"]["alertmanager"].endswith(f"/ingest/{added['key']}/alertmanager")
    told = tocsin("integrations", "add", "--name", "second").out
    assert "webhook_configs" in told
    assert "second" in tocsin("integrations", "list").out
    assert tocsin("integrations", "revoke", added["id"]).code == 0
    assert "ended" in tocsin("integrations", "list").out


def test_a_test_page_is_planned(tocsin):
    told = tocsin("test-page", "ana")
    assert "A test page to ana is on its way by " in told.out
    assert tocsin("test-page", "nobody").code == 2


def test_check_says_every_fault_with_its_place(tocsin):
    """Issue 2: `check` names file, line, column and what would be right."""
    assert tocsin("check").code == 0
    site = tocsin.home / "procedures" / "site.yaml"
    site.write_text(site.read_text() + "colour: red\nsize: 7\n")
    broken = tocsin("check")
    assert broken.code == 2
    assert [line.split(":")[0] for line in broken.out.splitlines()] == ["site.yaml", "site.yaml"]
    assert "unknown key 'colour'" in broken.out
    assert tocsin("check", "--json").json["faults"] == broken.out.splitlines()


def test_check_prints_the_schema_of_a_file(tocsin):
    assert "properties" in tocsin("check", "--schema", "people.yaml").json
    assert tocsin("check", "--schema", "nonsense.yaml").code == 2


def test_procedures_are_applied_whole_or_not_at_all(tocsin):
    """Issue 2: the last good version is kept."""
    before = tocsin("check", "--json").json["version"]
    assert "are the active version already" in tocsin("apply").out
    people = tocsin.home / "procedures" / "people.yaml"
    good = people.read_text()
    people.write_text(good.replace("Ana Alvarez", "Ana Almeida"))
    dry = tocsin("apply", "--dry-run", "--json").json
    assert (dry["applied"], dry["before"]) == (False, before)
    applied = tocsin("apply")
    assert f"after {before[:12]}" in applied.out
    people.write_text("[")
    broken = tocsin("apply")
    assert (broken.code, broken.err.split(":")[0]) == (2, "people.yaml")
    assert tocsin("procedures").code == 2  # no verb of that name; the API has it
    declared(tocsin)
    assert tocsin("show", "last", "--json").json["procedures"] == dry["version"]


def test_a_claimed_identity_is_somebody_the_procedures_know(tocsin):
    declared(tocsin)
    refused = tocsin("ack", "last", "--as", "anna")
    assert (refused.code, "there are ana, bo" in refused.err) == (2, True)
    assert tocsin("show", "last", "--json").json["acknowledged_by"] is None


def test_a_directory_that_becomes_a_home_is_closed_to_others(bare):
    """INTERFACE.md *Settings*: 0700."""
    bare.home.mkdir(mode=0o755)
    assert bare("init", "--defaults").code == 0
    assert stat.S_IMODE(bare.home.stat().st_mode) == 0o700


def test_a_home_is_laid_out_once(tocsin):
    again = tocsin("init", "--defaults")
    assert again.code == 3
    assert "is laid out already" in again.err
    assert stat.S_IMODE(tocsin.home.stat().st_mode) == 0o700


def test_init_without_a_terminal_names_the_values_it_misses(bare):
    missing = bare("init", "--set", "organization=Example")
    assert missing.code == 2
    assert "public_url" in missing.err
    assert "organization" not in missing.err
    assert not (bare.home / "procedures").exists()


def test_init_takes_procedures_that_are_there_already(bare, laid_out_once, tmp_path, monkeypatch):
    monkeypatch.setenv("TOCSIN_PROCEDURES", str(laid_out_once / "procedures"))
    made = bare("init", "--json").json
    assert made["procedures"] == str(laid_out_once / "procedures")
    assert set(made) >= {"token", "home"}


def test_a_home_that_is_not_laid_out_is_said_to_be_so(bare):
    nothing = bare("list")
    assert nothing.code == 3
    assert "tocsin init" in nothing.err
    assert not (bare.home / "tocsin.db").exists()
    for verb in (["serve"], ["migrate"], ["backup", bare.home / "b"]):
        assert bare(*verb).code == 3


def test_a_server_that_does_not_answer_is_exit_4(bare, monkeypatch):
    monkeypatch.setenv("TOCSIN_URL", "http://127.0.0.1:1")
    assert bare("list").code == 4
    assert json.loads(bare("list", "--json").err)["status"] == 503


def test_settings_that_make_no_sense_are_exit_2(bare, monkeypatch):
    monkeypatch.setenv("TOCSIN_LOG", "loud")
    assert bare("list").code == 2


def test_a_worker_on_sqlite_says_why_not(tocsin):
    """ARCHITECTURE.md: `worker` on SQLite exits 2."""
    refused = tocsin("worker")
    assert refused.code == 2
    assert "needs PostgreSQL" in refused.err


def test_the_database_is_at_the_latest_layout(tocsin):
    assert "already" in tocsin("migrate").out
    made = tocsin("migrate", "--json").json
    assert made["before"] == made["after"]


def test_a_backup_brings_everything_back(tocsin, tmp_path):
    incident = declared(tocsin)
    file = tmp_path / "backup.db"
    saved = tocsin("backup", file)
    assert saved.code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("backup")] == ["backup.db"]
    assert tocsin("backup", file).code == 3
    assert tocsin("backup", file, "--yes").code == 0
    second = declared(tocsin)
    assert second != incident
    assert tocsin("restore", file).code == 3
    restored = tocsin("restore", file, "--yes")
    assert restored.code == 0
    assert "tocsin.db.before-" in restored.out
    assert [one["id"] for one in tocsin("list", "--json").json["items"]] == [incident]
    assert tocsin("timeline", "last", "--verify").code == 0


def test_a_backup_is_not_of_another_machine(tocsin, tmp_path, monkeypatch):
    monkeypatch.setenv("TOCSIN_URL", "http://127.0.0.1:1")
    refused = tocsin("backup", tmp_path / "backup.db")
    assert refused.code == 2
    assert "the database of this home only" in refused.err
    assert not (tmp_path / "backup.db").exists()


def test_a_backup_is_restored_into_an_empty_home(tocsin, tmp_path, monkeypatch):
    incident = declared(tocsin)
    tocsin("backup", tmp_path / "backup.db")
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path / "other"))
    assert tocsin("restore", tmp_path / "backup.db", "--json").json["kept"] is None
    assert tocsin("show", "last", "--json").json["id"] == incident


@pytest.mark.parametrize("content", [b"", b"nonsense", b"SQLite format 3\x00" + bytes(4000)])
def test_what_is_no_backup_changes_nothing(tocsin, tmp_path, content):
    incident = declared(tocsin)
    (tmp_path / "file").write_bytes(content)
    assert tocsin("restore", tmp_path / "file", "--yes").code == 2
    assert tocsin("restore", tmp_path / "missing", "--yes").code == 2
    assert tocsin("show", "last", "--json").json["id"] == incident


def test_a_long_timeline_is_printed_whole(tocsin, monkeypatch):
    monkeypatch.setattr("tocsin.cli.timeline._AT_ONCE", 2)
    declared(tocsin)
    for number in range(3):
        tocsin("note", f"number {number}", "last")
    assert tocsin("timeline", "last", "--events").out.split().count("noted") == 3
    assert tocsin("timeline", "last", "--verify").code == 0
