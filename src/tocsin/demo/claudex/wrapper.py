"""Lays the stand-in out as the executable that a real product would be."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_SOURCES = Path(__file__).parents[3]
_MODULE = "tocsin.demo.claudex"


def install(directory: Path, version: str = "1.4.2") -> Path:
    """Write the command `claudex` into a directory; one that is there is replaced, as a reinstallation would.

    Args:
        directory: made when it does not exist; put it on PATH.
        version: the release the command claims to be.

    Returns:
        The executable: a shell script, on Windows a .cmd file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        path = directory / "claudex.cmd"
        lines = [
            "@echo off",
            f"set PYTHONPATH={_SOURCES}",
            f"set CLAUDEX_VERSION={version}",
            f'"{sys.executable}" -S -m {_MODULE} %*',
        ]
        path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
        return path
    path = directory / "claudex"
    environment = f"PYTHONPATH={shlex.quote(str(_SOURCES))} CLAUDEX_VERSION={shlex.quote(version)}"
    # -S: the standard library is all it needs, and site-packages would only slow its start.
    path.write_text(
        f'#!/bin/sh\n{environment} exec {shlex.quote(sys.executable)} -S -m {_MODULE} "$@"\n', encoding="utf-8"
    )
    path.chmod(0o755)
    return path
