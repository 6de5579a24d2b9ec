"""`tocsin demo` as a user starts it: it shows everything, says what it did not see, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tocsin.demo.pace import FAST
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.stage import stage
from tocsin.demo.steps import Result, StepFailedError, Steps
from tocsin.demo.story import ACTS, play
from tocsin.demo.tocsin_server import environment

WITHIN = 180.0
"""Seconds a demo may take on a machine that is busy with other tests; alone it takes ten."""
STAGED = ["product", "home", "server"]


@contextmanager
def demo(tmp_path: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process group of its own, which the block outlives only as a failed test."""
    (tmp_path / "tmp").mkdir()
    env = environment(tmp_path / "not-this-home", {"TMPDIR": str(tmp_path / "tmp"), "PYTHONUTF8": "1"})
    child = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "demo", "--fast", *args],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if somebody_is_left(child):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def somebody_is_left(child: subprocess.Popen[str]) -> bool:
    """Whether a process of the group still runs; the first one is counted only until it was waited for."""
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def listens(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def read_until(child: subprocess.Popen[str], words: str) -> None:
    assert child.stdout is not None
    assert any(words in line for line in child.stdout), f"it never said: {words}"


def test_the_demo_observes_every_step_and_leaves_nothing_behind(tmp_path):
    with demo(tmp_path) as child:
        out, err = child.communicate(timeout=WITHIN)
        assert (child.returncode, err) == (0, ""), out
        assert not somebody_is_left(child)
    steps = len(STAGED) + len(ACTS)
    assert len(re.findall(r"^✓ +\d+\.\d s  \S", out, re.MULTILINE)) == steps
    assert f"All {steps} steps were observed from outside" in out
    assert "✗" not in out
    assert "Waits until somebody answers are shortened 150×: 5 min is 2 s here." in out
    assert "\x1b" not in out, "colours are for terminals"
    assert [line for line in out.splitlines() if len(line) > 100 and str(tmp_path) not in line] == []

    addresses = set(re.findall(r"http://127\.0\.0\.1:\d+", out))
    assert len(addresses) == 2, "the product's and the server's"
    assert not any(map(listens, addresses))
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "not-this-home").exists()


def test_json_tells_the_same_and_a_kept_home_can_be_looked_at(tmp_path):
    with demo(tmp_path, "--json", "--keep", str(tmp_path / "kept")) as child:
        out, err = child.communicate(timeout=WITHIN)
        assert (child.returncode, err) == (0, ""), out
        assert not somebody_is_left(child)
    told = json.loads(out)
    assert (told["passed"], told["waits_shortened"], told["home"]) == (True, 150, str(tmp_path / "kept"))
    assert [step["name"] for step in told["steps"]] == STAGED + [act.__name__ for act in ACTS]
    assert all(step["passed"] for step in told["steps"])
    assert [entry["event"] for entry in told["timeline"]][:2] == ["declared", "round_opened"]
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0, "only its owner may look"

    looked = subprocess.run(
        [sys.executable, "-m", "tocsin", "timeline", "last", "--verify", "--json"],
        env=environment(tmp_path / "kept", {}),
        capture_output=True,
        check=True,
    )
    kept = json.loads(looked.stdout)
    assert kept["verified"] is True
    assert kept["items"][: len(told["timeline"])] == told["timeline"]


def test_a_step_that_is_not_seen_ends_the_demo_with_1_and_says_what_was_seen_instead(tmp_path):
    product = tmp_path / "kept" / "demo" / "claudex" / ".claudex" / "run.json"
    with demo(tmp_path, "--keep", str(tmp_path / "kept")) as child:
        wait_until((tmp_path / "kept" / "tocsin.db").exists)  # the product was healthy before that
        os.kill(json.loads(product.read_bytes())["pid"], signal.SIGKILL)
        out, _ = child.communicate(timeout=WITHIN)
        assert child.returncode == 1, out
        assert not somebody_is_left(child)
    assert re.search(r"^✗ +\d+\.\d s  Its configuration is broken, for real$", out, re.MULTILINE)
    assert re.search(r"^ +seen +claudex has ended with -9\.$", out, re.MULTILINE)
    assert "3 steps were observed, then one was not; the demo ends here." in out


@pytest.mark.parametrize(
    ("told_by", "once"),
    [
        pytest.param(lambda child: os.killpg(child.pid, signal.SIGINT), "is installed and healthy", id="Ctrl-C"),
        pytest.param(lambda child: child.terminate(), "tocsin serve is ready", id="SIGTERM"),
    ],
)
def test_whoever_stops_the_demo_finds_nothing_left_of_it(tmp_path, told_by, once):
    with demo(tmp_path) as child:
        read_until(child, once)
        told_by(child)
        _, err = child.communicate(timeout=WITHIN)
        assert (child.returncode, err) == (130, "Stopped. Whatever the demo had started has ended.\n")
        assert not somebody_is_left(child)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").write_text("precious")
    with demo(tmp_path, "--keep", str(tmp_path / "kept")) as child:
        out, err = child.communicate(timeout=WITHIN)
    assert (child.returncode, out) == (3, "")
    assert "is not an empty directory, so nothing was started" in err
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine"]


class RefusingSink(SmtpSink):
    """A mail server that knows nobody."""

    async def handle_RCPT(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        return "550 no such user here"


class Notebook:
    """An audience that keeps what it saw."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def ended(self, result: Result) -> None:
        self.results.append(result)

    def happened(self, entry: Mapping[str, Any]) -> None:
        """The timeline is not looked at here."""


def test_mail_that_does_not_arrive_is_not_taken_for_granted(tmp_path):
    audience = Notebook()
    steps = Steps(audience, patience_s=5)
    with (
        pytest.raises(StepFailedError, match="begins with CRITICAL L2; seen: no mail at all"),
        stage(tmp_path / "home", FAST, steps, RefusingSink()) as running,
    ):
        play(running)
    assert [result.name for result in audience.results if not result.passed] == ["mail"]
