"""One writer per home, and the note that a server leaves."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys

import pytest

from tocsin.cli.home_lock import RunningServer, forget_server, holder, read_server, take_lock
from tocsin.settings import Settings


@pytest.fixture
def settings(tmp_path):
    made = Settings(home=tmp_path / "home")
    made.make_home()
    return made


def test_the_lock_is_held_by_one_at_a_time(settings):
    with take_lock(settings) as first:
        assert take_lock(settings) is None
        assert holder(settings) == f"process {os.getpid()}"
        first.release()
        with take_lock(settings):
            first.release()  # once more does no harm to the new holder
            assert take_lock(settings) is None
    with take_lock(settings):
        pass


def test_a_killed_holder_leaves_no_lock_behind(settings):
    script = (
        "import os, pathlib, signal\nfrom tocsin.cli.home_lock import take_lock\nfrom tocsin.settings import Settings\n"
        f"lock = take_lock(Settings(home=pathlib.Path({str(settings.home)!r})))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -9
    with take_lock(settings) as lock:
        assert lock.held


def test_who_holds_the_lock_is_not_known_when_nobody_ever_did(settings):
    assert holder(settings) == "another process"


def test_the_note_is_readable_for_its_owner_alone(settings):
    RunningServer("http://127.0.0.1:8080", "secret", 1).write(settings)
    note = settings.home / "run" / "server.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert read_server(settings) == RunningServer("http://127.0.0.1:8080", "secret", 1)
    assert [path.name for path in note.parent.iterdir()] == ["server.json"]
    forget_server(settings)
    forget_server(settings)
    assert read_server(settings) is None


def test_the_token_does_not_show_in_what_is_printed_of_a_server():
    assert "secret" not in repr(RunningServer("http://127.0.0.1:8080", "secret", 1))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"url": "u", "token": "t", "pid": "x"}', "\xff"])
def test_a_note_that_cannot_be_read_is_none(settings, content):
    (settings.home / "run" / "server.json").write_text(content, encoding="latin-1")
    assert read_server(settings) is None


def test_a_server_is_alive_while_its_process_lives_and_something_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert RunningServer(url, "t", os.getpid()).answers()
        assert not RunningServer(url, "t", 2**31 - 1).answers()
        assert not RunningServer(url, "t", 0).answers()
        assert not RunningServer(url, "t", 2**70).answers()
    assert not RunningServer(url, "t", os.getpid()).answers()
