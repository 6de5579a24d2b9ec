"""Programs we start are awaited, explained when they fail, and ended by their own handle."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tocsin.demo.children import Child, ChildError, answers, free_port

SERVE = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""
STUBBORN = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
)


def python(code: str, *args: str) -> list[str]:
    return [sys.executable, "-c", code, *args]


def test_ready_means_the_url_answers_and_leaving_ends_the_program(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    assert not answers(url)
    with Child(python(SERVE, str(port)), log=tmp_path / "log", cwd=tmp_path) as child:
        child.wait_until_ready(url)
        assert answers(url)
        assert not answers(f"{url}missing"), "a 404 is not an answer"
    assert child.process.returncode == -signal.SIGTERM
    assert not answers(url)


def test_a_program_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = Child(python("raise SystemExit('no such file: pack.yaml')"), log=tmp_path / "log")
    with child, pytest.raises(ChildError, match=r"ended with 1\.\nno such file: pack\.yaml"):
        child.wait_until_ready("http://127.0.0.1:1/")


def test_a_program_that_never_answers_is_given_up_on(tmp_path: Path) -> None:
    child = Child(python("import signal; signal.pause()"), log=tmp_path / "log")
    with child, pytest.raises(ChildError, match=r"did not answer http://127\.0\.0\.1:1/ within 0\.05 s"):
        child.wait_until_ready("http://127.0.0.1:1/", timeout=0.05)


def test_a_program_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    child = Child(python(STUBBORN), log=tmp_path / "log")
    while "deaf" not in child.last_words():
        assert child.process.poll() is None
    assert child.stop(timeout=0.05) == -signal.SIGKILL
    assert child.stop() == -signal.SIGKILL, "stopping again changes nothing"


def test_kill_gives_no_warning(tmp_path: Path) -> None:
    child = Child(python("import signal; signal.pause()"), log=tmp_path / "log")
    child.kill()
    assert child.process.returncode == -signal.SIGKILL
