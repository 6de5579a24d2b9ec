"""The command `claudex` as an executable, run the way runbooks run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.demo.children import Child, answers, free_port
from tocsin.demo.claudex import install
from tocsin.demo.claudex.home import Home

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="drives the POSIX wrapper script")


@pytest.fixture
def claudex(tmp_path: Path) -> Path:
    return install(tmp_path / "bin")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run(claudex: Path, home: Home, *args: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CLAUDEX_HOME": str(home.root)}
    return subprocess.run([claudex, *args], env=environment, capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def serving(claudex: Path, home: Home, tmp_path: Path) -> Iterator[tuple[Child, str]]:
    run(claudex, home, "--init")
    port = free_port()
    environment = os.environ | {"CLAUDEX_HOME": str(home.root)}
    argv = [str(claudex), "serve", "--port", str(port)]
    with Child(argv, log=tmp_path / "serve.out", env=environment) as child:
        child.wait_until_ready(f"http://127.0.0.1:{port}/healthz")
        yield child, f"http://127.0.0.1:{port}"


def test_version_is_the_installed_one(tmp_path: Path, home: Home) -> None:
    done = run(install(tmp_path / "old", version="1.3.0"), home, "--version")
    assert (done.returncode, done.stdout) == (0, "claudex 1.3.0\n")


def test_init_writes_a_valid_configuration_and_a_backup_and_never_overwrites(claudex: Path, home: Home) -> None:
    assert run(claudex, home, "--init").returncode == 0
    assert run(claudex, home, "--validate-config").returncode == 0
    assert home.backup.read_bytes() == home.config.read_bytes()
    home.config.write_text("mine")
    again = run(claudex, home, "--init")
    assert again.returncode == 1
    assert "left as it is" in again.stderr
    assert home.config.read_text() == "mine"


def test_validate_config_names_file_and_line(claudex: Path, home: Home) -> None:
    run(claudex, home, "--init")
    home.config.write_text("workers = 4\nport = 99999\n")
    done = run(claudex, home, "--validate-config")
    assert done.returncode == 1
    assert f"{home.config}:2: port is 99999" in done.stderr
    assert done.stdout == ""


def test_it_refuses_to_start_on_an_invalid_configuration(claudex: Path, home: Home) -> None:
    run(claudex, home, "--init")
    home.config.write_text("nonsense")
    done = run(claudex, home, "serve")
    assert done.returncode == 1
    assert "Not started, the configuration is invalid" in done.stderr
    assert "ERROR not started" in home.hooks_log.read_text()


def test_repair_replaces_only_broken_sessions_and_keeps_them_beside(claudex: Path, home: Home) -> None:
    good, broken = home.data / "a" / "session.json", home.data / "b" / "c" / "session.json"
    for path, text in ((good, '{"messages": [1]}'), (broken, '{"messages": [')):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    done = run(claudex, home, "--repair-sessions")
    assert done.returncode == 0
    assert done.stdout.endswith("1 repaired.\n")
    assert json.loads(good.read_text()) == {"messages": [1]}
    assert json.loads(broken.read_text()) == {"messages": []}
    assert broken.with_name("session.json.corrupt").read_text() == '{"messages": ['


def test_profile_memory_asks_the_running_service(claudex: Path, home: Home, serving: tuple[Child, str]) -> None:
    done = run(claudex, home, "--profile-memory")
    assert done.returncode == 0
    assert "resident_bytes" in done.stdout
    assert serving[0].stop() == 0
    stopped = run(claudex, home, "--profile-memory")
    assert stopped.returncode == 1
    assert "not running" in stopped.stderr


def test_a_running_service_notices_a_broken_configuration_and_sigterm_stops_it_in_order(
    home: Home, serving: tuple[Child, str]
) -> None:
    child, url = serving
    home.config.write_text("nonsense")
    deadline = time.monotonic() + 10
    while answers(f"{url}/work"):
        assert time.monotonic() < deadline, "it went on working with a broken configuration"
    assert answers(f"{url}/metrics"), "it must stay observable"
    assert child.stop() == 0
    assert not home.running.exists()
    assert home.log.read_text().rstrip().endswith("INFO stopped")


def test_a_second_service_on_the_same_port_says_so(claudex: Path, home: Home, serving: tuple[Child, str]) -> None:
    done = run(claudex, home, "serve", "--port", serving[1].rpartition(":")[2])
    assert done.returncode == 1
    assert "Not started" in done.stderr


def test_a_command_that_is_not_executable_fails(claudex: Path, home: Home) -> None:
    claudex.chmod(0o644)
    with pytest.raises(PermissionError):
        run(claudex, home, "--version")


@pytest.mark.parametrize("args", [[], ["--init", "--validate-config"], ["stop"]])
def test_what_is_not_understood_exits_2(claudex: Path, home: Home, args: list[str]) -> None:
    assert run(claudex, home, *args).returncode == 2
