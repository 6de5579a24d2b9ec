"""The stand-in product at work: installed, started, looked at from outside, broken and mended."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from tocsin.demo.children import LOOPBACK, Child, ChildError, free_port
from tocsin.demo.claudex import install
from tocsin.demo.claudex.home import Home

_COMMAND_TIMEOUT = 120.0
_START_TIMEOUT = 120.0


class Product:
    """A `claudex` with a home of its own; use it as a context manager, leaving ends it.

    Args:
        folder: everything of it goes below this.

    Attributes: `home`, its files; `url`, where it serves; `version`, what it says it is once it has been started.
    """

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "claudex")
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.version = ""
        self.process: Child | None = None
        self._folder = folder
        self._command = folder / "bin" / "claudex"
        self._env = os.environ | {"CLAUDEX_HOME": str(self.home.root)}

    def start(self) -> None:
        """Install it, write its configuration, serve; returns when it is healthy.

        Raises:
            ChildError: it did not start.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._command = install(self._folder / "bin")
        self.version = self.run("--version")
        self.run("--init")
        argv = [str(self._command), "serve", f"--port={self.port}"]
        self.process = Child(argv, log=self._folder / "claudex-serve.log", env=self._env)
        self.process.wait_until_ready(f"{self.url}/healthz", _START_TIMEOUT)

    def run(self, *args: str) -> str:
        """Run one `claudex` command to its end; what it printed.

        Raises:
            ChildError: it did not end with 0; the message carries what it said.
        """
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            [str(self._command), *args],
            env=self._env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise ChildError(f"claudex {' '.join(args)} ended with {done.returncode}.\n{done.stderr}{done.stdout}")
        return done.stdout.strip()

    def health(self) -> tuple[int, str]:
        """Status and body of a GET of /healthz."""
        answer = _get(f"{self.url}/healthz")
        return answer.status_code, answer.text

    def config_valid(self) -> int:
        """The metric claudex_config_valid, as Prometheus would read it."""
        text = _get(f"{self.url}/metrics").raise_for_status().text
        found = re.search(r"^claudex_config_valid (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else -1

    def break_configuration(self) -> str:
        """Spoil one line of config.toml; the line as it stands now."""
        spoilt = "workers = many"
        text = self.home.config.read_text(encoding="utf-8")
        self.home.config.write_text(re.sub(r"(?m)^workers = .*$", spoilt, text), encoding="utf-8")
        return spoilt

    def restore_configuration(self) -> None:
        """Put the backup in the place of config.toml."""
        self.home.config.write_bytes(self.home.backup.read_bytes())

    def __enter__(self) -> Self:
        with ExitStack() as unless_started:
            unless_started.push(self)
            self.start()
            unless_started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.stop()


def _get(url: str) -> httpx.Response:
    """Loopback is asked directly, whatever proxy the environment names."""
    return httpx.get(url, timeout=10, trust_env=False)
