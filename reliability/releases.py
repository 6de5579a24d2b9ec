"""The releases before this one: which commit was the last to write each earlier schema, and how to run it.

A release is run from its own sources, taken out of the repository's history, with the libraries of this one.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tocsin.demo.tocsin_server import Home

RELEASES: Mapping[str, str] = {
    "0001": "fd3ea452bec7489cd727d0642c55551e719b7a03",
}
"""Schema to the commit that wrote it last. Whoever adds a migration adds the commit before it here."""

PREVIOUS = max(RELEASES)
"""The schema of the release whose nodes must work beside nodes of this one."""

CHECKOUT = Path(__file__).parent.parent


class NotInHistoryError(Exception):
    """The repository's history does not reach back to that release; the message says which one."""


def sources(schema: str, folder: Path) -> Path:
    """Lay out the sources of an earlier release.

    Args:
        schema: one of `RELEASES`.
        folder: where; made when it does not exist.

    Returns:
        The folder that has the package `tocsin` in it.

    Raises:
        NotInHistoryError: a shallow clone, or no git at all.
    """
    commit = RELEASES[schema]
    asked = ["git", "-C", str(CHECKOUT), "archive", "--format=tar", commit, "src"]
    try:
        done = subprocess.run(asked, capture_output=True, check=False)
    except OSError as error:
        raise NotInHistoryError(f"There is no git to take the release {commit[:12]} out of the history.") from error
    if done.returncode != 0:
        raise NotInHistoryError(
            f"The history here does not reach back to the release {commit[:12]} of schema {schema}; "
            "fetch all of it (git fetch --unshallow) to run that release."
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def of(home: Home, release: Path) -> Home:
    """The same home, used by another release.

    Args:
        home: a home directory, laid out or not.
        release: its sources, by `sources`.
    """
    return replace(home, env={**home.env, "PYTHONPATH": str(release)})
