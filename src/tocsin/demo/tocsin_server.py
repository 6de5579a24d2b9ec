"""A real Tocsin, laid out and served as a user would: `tocsin init`, `integrations add`, `serve` in child processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import tocsin
from tocsin.demo.children import LOOPBACK, Child, ChildError, free_port
from tocsin.demo.smtp_sink import SmtpSink

_SOURCES = str(Path(tocsin.__file__).parent.parent)
COMMAND_TIMEOUT = 120.0
"""Seconds one `tocsin` command may take."""
READY_TIMEOUT = 120.0
"""Seconds a server may take to become ready; a busy machine is no failure."""


@dataclass(frozen=True, slots=True)
class Home:
    """A laid-out home directory.

    Args:
        path: the directory, TOCSIN_HOME.
        env: environment in which `tocsin` uses this home and nothing else of ours.
        token: the first admin's API token.
    """

    path: Path
    env: Mapping[str, str]
    token: str

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run `tocsin` with these arguments on this home; output as text, the exit code is the caller's to judge."""
        return run_tocsin(self.env, *args)


def run_tocsin(env: Mapping[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m tocsin` to its end.

    Args:
        env: its whole environment.
        args: arguments after `tocsin`.

    Raises:
        subprocess.TimeoutExpired: it took longer than `COMMAND_TIMEOUT`.
    """
    return subprocess.run(  # noqa: S603 - our own program, no shell
        [sys.executable, "-m", "tocsin", *args],
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )


def lay_out(
    path: Path,
    *,
    pack: str = "claudex-windows",
    values: Mapping[str, object] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Home:
    """Make a home directory with `tocsin init --defaults`.

    Args:
        path: where; made when it does not exist.
        pack: procedures to start from.
        values: company values of site.yaml, such as {"mail.port": 2525}.
        settings: TOCSIN_… variables beside TOCSIN_HOME.

    Raises:
        ChildError: init failed; the message carries what it said.
    """
    env = environment(path, settings or {})
    choices = [f"--set={key}={value}" for key, value in (values or {}).items()]
    made = _json_of(env, "init", "--pack", pack, "--defaults", *choices, "--json")
    return Home(path, env, str(made["token"]))


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Our environment without its own TOCSIN_… variables, pointing at `home`, with `settings` added."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    paths = [_SOURCES, *filter(None, [env.get("PYTHONPATH")])]
    return env | {"TOCSIN_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"} | dict(settings)


def _json_of(env: Mapping[str, str], *args: str) -> dict[str, object]:
    done = run_tocsin(env, *args)
    if done.returncode != 0:
        raise ChildError(f"tocsin {' '.join(args)} ended with {done.returncode}.\n{done.stderr}{done.stdout}")
    answer = json.loads(done.stdout)
    if not isinstance(answer, dict):
        raise ChildError(f"tocsin {' '.join(args)} printed JSON that is not an object.\n{done.stdout}")
    return answer


class TocsinServer:
    """`tocsin serve` on a home, with one integration; use it as a context manager.

    Args:
        home: a laid-out home.
        service: service of the integration that is added on the first start.
        integration: what that integration is called.
        port: TCP port on loopback; None picks a free one, kept over restarts.
        sink: the mail server this home's mail goes to, kept here for whoever looks for the mail.

    Attributes: `url` without a trailing slash; `home`, the directory; `env` and `token` for clients; and after
    `start`: `key` and `urls` (by format, such as "alertmanager") of the integration; `process`, the running child.
    """

    def __init__(
        self,
        home: Home,
        *,
        service: str,
        integration: str = "alerts",
        port: int | None = None,
        sink: SmtpSink | None = None,
    ) -> None:
        self.home = home.path
        self.service = service
        self.integration = integration
        self._sink = sink
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.env = dict(home.env) | {"TOCSIN_PUBLIC_URL": self.url}
        self.token = home.token
        self.key = ""
        self.urls: dict[str, str] = {}
        self.process: Child | None = None

    def start(self) -> None:
        """Add the integration if there is none yet, then serve; returns when `/readyz` says yes.

        Raises:
            ChildError: a command failed, or the server did not become ready.
        """
        if not self.key:
            named = ("--name", self.integration, "--service", self.service)
            added = _json_of(self.env, "integrations", "add", *named, "--json")
            self.key, self.urls = str(added["key"]), _strings(added["urls"])
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the process without waiting for it."""
        argv = [sys.executable, "-m", "tocsin", "serve", "--host", LOOPBACK, "--port", str(self.port)]
        self.process = Child(argv, log=self.home / "serve.log", env=self.env)

    def wait_until_ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Return when the launched process answers `/readyz` with 200.

        Raises:
            ChildError: it ended, or did not become ready within `timeout` seconds.
        """
        self._running().wait_until_ready(f"{self.url}/readyz", timeout)

    @property
    def sink(self) -> SmtpSink:
        """The mail server that was handed in.

        Raises:
            LookupError: none was.
        """
        if self._sink is None:
            raise LookupError("This server was started without a mail sink; hand one in as sink=.")
        return self._sink

    def stop(self) -> int:
        """End it in order (SIGTERM). Returns its exit code."""
        return self._running().stop()

    def kill(self) -> None:
        """End it without warning (SIGKILL); `start` serves the same home again on the same port."""
        self._running().kill()

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run `tocsin` with these arguments on this home; while the server runs, the command goes through it."""
        return run_tocsin(self.env, *args)

    def _running(self) -> Child:
        if self.process is None:
            raise ChildError("The server has not been started; call start() first.")
        return self.process

    def __enter__(self) -> Self:
        with ExitStack() as unless_started:
            unless_started.push(self)
            self.start()
            unless_started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.stop()


def _strings(value: object) -> dict[str, str]:
    return {str(key): str(url) for key, url in value.items()} if isinstance(value, dict) else {}
