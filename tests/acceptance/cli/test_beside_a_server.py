"""The command line beside a running server: it goes through it, and keeps away from what the server holds."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

from tocsin.demo.children import LOOPBACK
from tocsin.demo.tocsin_server import run_tocsin


def note(server):
    return server.home / "run" / "server.json"


def test_commands_go_through_the_server_that_runs_in_the_home(shared):
    """INTERFACE.md *Settings*: without TOCSIN_URL the CLI talks to the server running in this home."""
    assert stat.S_IMODE(note(shared).stat().st_mode) == 0o600
    said = json.loads(note(shared).read_text())
    assert (said["url"], said["pid"]) == (shared.url, shared.process.pid)

    declared = shared.cli("declare", "Nobody can log in", "--service", "claudex", "--severity", "critical", "--json")
    incident = json.loads(declared.stdout)["id"]
    mail = shared.sink.wait_for(lambda mail: f"{shared.url}/a/" in mail.text)
    assert mail.subject == f"CRITICAL L2: Nobody can log in [{incident}]"

    taken = shared.cli("ack", incident[-6:], "--as", "ana")
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.startswith(f"{incident} acknowledged. ana has it since ")
    entries = json.loads(shared.cli("timeline", "last", "--verify", "--json").stdout)
    assert entries["verified"] is True
    assert [one["by"] for one in entries["items"] if one["event"] == "acknowledged"] == ["person:ana"]
    assert {one["authenticated_by"] for one in entries["items"] if one["event"] == "declared"} == {"token"}


def test_what_needs_the_home_to_itself_is_refused_while_the_server_runs(shared, tmp_path):
    """ARCHITECTURE.md: a second `serve`, or `restore` while serving, exits 3."""
    second = shared.cli("serve", "--port", "0")
    assert (second.returncode, shared.url in second.stderr) == (3, True)
    saved = shared.cli("backup", str(tmp_path / "backup.db"), "--json")
    assert saved.returncode == 0, saved.stderr
    restored = shared.cli("restore", str(tmp_path / "backup.db"), "--yes")
    assert (restored.returncode, "in use by process" in restored.stderr) == (3, True)
    assert shared.cli("migrate").returncode == 3
    assert shared.cli("list").returncode == 0


def test_a_server_elsewhere_is_used_with_the_token_that_is_given(shared, tmp_path):
    """INTERFACE.md *Settings*: TOCSIN_URL + TOCSIN_TOKEN."""
    made = shared.cli("tokens", "create", "--role", "viewer", "--json")
    far = {**shared.env, "TOCSIN_HOME": str(tmp_path / "laptop"), "TOCSIN_URL": shared.url}

    seen = run_tocsin({**far, "TOCSIN_TOKEN": json.loads(made.stdout)["token"]}, "list")
    assert seen.returncode == 0
    refused = run_tocsin({**far, "TOCSIN_TOKEN": json.loads(made.stdout)["token"]}, "declare", "x", "--json")
    assert (refused.returncode, json.loads(refused.stderr)["status"]) == (3, 403)
    unknown = run_tocsin({**far, "TOCSIN_TOKEN": "tcs_nonsense"}, "list")
    assert (unknown.returncode, "not known here" in unknown.stderr) == (3, True)
    invalid = run_tocsin({**far, "TOCSIN_TOKEN": shared.token}, "severity", "low", "nothing", "--json")
    assert (invalid.returncode, json.loads(invalid.stderr)["status"]) == (3, 404)
    applied = run_tocsin({**far, "TOCSIN_TOKEN": shared.token}, "apply", str(shared.home / "procedures"))
    assert (applied.returncode, "active version already" in applied.stdout) == (0, True)
    assert not (tmp_path / "laptop").exists()

    shown = json.loads(run_tocsin({**far, "TOCSIN_TOKEN": shared.token}, "oncall", "--json").stdout)
    assert shown["service"] == "claudex"
    well = run_tocsin({**far, "TOCSIN_TOKEN": shared.token}, "doctor", "--json")
    assert (well.returncode, json.loads(well.stdout)["ok"]) == (0, True)


def test_the_doctor_finds_what_would_keep_pages_from_going_out(shared):
    well = shared.cli("doctor", "--json")
    checks = {one["check"]: one["state"] for one in json.loads(well.stdout)["checks"]}
    assert well.returncode == 0, well.stdout
    assert checks == {
        "python": "ok",
        "settings": "ok",
        "home": "ok",
        "disk": "ok",
        "server": "ok",
        "database": "ok",
        "clock": "ok",
        "procedures": "ok",
        "mail": "ok",
        "public url": "warn",
    }
    shared.sink.stop()
    people = shared.home / "procedures" / "people.yaml"
    ill = run_tocsin({**shared.env, "TOCSIN_LOGG": "debug"}, "doctor")
    assert ill.returncode == 1
    assert ill.stdout.startswith("1 of 10 checks failed.\n")
    assert f"fail  mail: {LOOPBACK}:" in ill.stdout
    assert "warn  settings: TOCSIN_LOGG means nothing" in ill.stdout
    good = people.read_text()
    people.write_text("[")
    assert "people.yaml:" in shared.cli("doctor").stdout
    people.write_text(good)
    shared.sink.start()


def test_a_server_that_ends_leaves_the_home_to_the_command_line(server):
    """ARCHITECTURE.md: the CLI forwards to the server when it is alive, else takes the lock itself."""
    server.cli("declare", "Nobody can log in")
    assert server.stop() == 0
    assert not note(server).exists()
    assert json.loads(server.cli("list", "--json").stdout)["items"][0]["title"] == "Nobody can log in"

    command = [sys.executable, "-m", "tocsin", "note", "last"]
    writers = [subprocess.Popen([*command, f"number {number}"], env=server.env) for number in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    told = server.cli("timeline", "last", "--verify").stdout
    assert all(f"number {number}" in told for number in range(3))

    server.launch()
    server.wait_until_ready()
    server.kill()
    assert note(server).exists()
    assert server.cli("ack", "last", "--as", "ana").returncode == 0
    server.launch()
    server.wait_until_ready()
    assert json.loads(note(server).read_text())["pid"] == server.process.pid
    assert json.loads(server.cli("show", "last", "--json").stdout)["acknowledged_by"] == "ana"
    tokens = json.loads(server.cli("tokens", "list", "--json").stdout)["items"]
    assert [one["name"] for one in tokens].count("command line of this home") == 1
