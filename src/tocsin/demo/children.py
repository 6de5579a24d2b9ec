"""Programs that the demo, the acceptance tests and the benchmarks start; each is ended by its own handle."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

LOOPBACK = "127.0.0.1"
_POLL_EVERY = 0.01
_LAST_WORDS = 2000


class ChildError(Exception):
    """A program we started ended early or did not become ready; the message carries the end of what it printed."""


def free_port() -> int:
    """A TCP port on loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Child:
    """One program in a process of its own; use it as a context manager, leaving ends the program.

    Args:
        argv: program and arguments.
        log: file that takes what it prints, appended to.
        env: its whole environment; None passes ours on.
        cwd: its working directory; None keeps ours.
    """

    def __init__(
        self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.argv = tuple(argv)
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - argv is ours, there is no shell
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd
            )

    @property
    def pid(self) -> int:
        """The system's number for the process."""
        return self.process.pid

    def wait_until_ready(self, url: str, timeout: float = 20.0) -> None:
        """Return as soon as a GET of the URL is answered with a 2xx.

        Args:
            url: loopback address that answers once the program is ready.
            timeout: seconds it may take.

        Raises:
            ChildError: the program ended, or did not answer in time.
        """
        deadline = time.monotonic() + timeout
        while not answers(url):
            if self.process.poll() is not None:
                raise ChildError(f"{self.argv[0]} ended with {self.process.returncode}.\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise ChildError(f"{self.argv[0]} did not answer {url} within {timeout:g} s.\n{self.last_words()}")
            time.sleep(_POLL_EVERY)

    def last_words(self) -> str:
        """The end of what the program printed."""
        return self.log.read_text(errors="replace")[-_LAST_WORDS:]

    def stop(self, timeout: float = 15.0) -> int:
        """Ask the program to end (SIGTERM); after `timeout` seconds make it. Returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def kill(self) -> None:
        """End the program without warning (SIGKILL), as a power cut would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether a GET of the URL is answered with a 2xx within `timeout` seconds."""
    try:
        with _DIRECT.open(url, timeout=timeout) as response:
            return 200 <= int(response.status) < 300  # noqa: PLR2004 - the class of statuses that mean success
    except (OSError, urllib.error.URLError):
        return False


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Loopback is asked directly, whatever proxy the environment names."""
