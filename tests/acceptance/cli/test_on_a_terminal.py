"""What is different on a terminal: colours, and questions."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.demo.tocsin_server import environment


def on_a_terminal(env, *arguments, answers=()):
    """Run `tocsin` with a terminal for everything; what it showed, and its exit code.

    Each answer is typed when it is asked for: what is typed before a password's question is thrown away.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    waiting = list(answers)
    shown = b""
    try:
        while select.select([ours], [], [], 30)[0] and (block := os.read(ours, 4096)):
            shown += block
            if waiting and shown.endswith(b": "):
                os.write(ours, f"{waiting.pop(0)}\n".encode())
    except OSError:
        pass  # that is how a terminal says that the program has ended
    finally:
        os.close(ours)  # which also ends a program that would wait for more
    return shown.decode().replace("\r\n", "\n"), process.wait(timeout=30)


@pytest.fixture
def env(tmp_path):
    """An environment with colours, and a home that nobody has laid out."""
    made = environment(tmp_path / "home", {"TERM": "xterm", "COLUMNS": "80"})
    del made["NO_COLOR"]
    return made


def test_init_asks_for_the_companys_values_and_colours_show_only_when_welcome(env):
    """INTERFACE.md *Commands*: asks for company values on a terminal; NO_COLOR is honoured."""
    answers = [
        "Example Corporation",
        "https://tocsin.example.org",
        "help@example.org",
        "",
        "",
        "mail.example.org",
        "",
        "",
        "",
        "",
        "tocsin@example.org",
    ]
    shown, code = on_a_terminal(env, "init", answers=answers)
    assert code == 0, shown
    assert "Name of the organization" in shown
    assert "Admin token: tcs_" in shown
    written = (Path(env["TOCSIN_HOME"]) / "procedures" / "site.yaml").read_text(encoding="utf-8")
    assert "Example Corporation" in written
    assert "mail.example.org" in written

    on_a_terminal(env, "declare", "Nobody can log in", "--severity", "critical")
    assert "\x1b[1;31m" in on_a_terminal(env, "list")[0]
    assert "\x1b" not in on_a_terminal({**env, "NO_COLOR": "1"}, "list")[0]
