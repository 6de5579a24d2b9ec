"""`tocsin apply`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.asking import ask, give, settings
from tocsin.cli.options import As, Json

Directory = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="The procedures directory; the configured one otherwise.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def apply(directory: Directory = None, *, dry_run: DryRun = False, as_: As = "", as_json: Json = False) -> None:
    """Make a procedures directory the active version.

    It is checked first, and changes nothing when it has a fault. Open incidents keep the ladders they began
    with; people and schedules count at once.

    Example: tocsin apply ~/procedures --dry-run
    """
    from tocsin.procedures.loader import document

    directory = directory or settings().procedures
    sealed = document(directory)
    answer = ask("apply", {"version": sealed.version, "data": sealed.data, "dry_run": dry_run}, acting=as_)
    give(answer, [outcome(answer, directory)], as_json=as_json)


def outcome(answer: Mapping[str, Any], directory: Path) -> str:
    """What became of it, in a sentence."""
    version, before = answer["version"][:12], (answer.get("before") or "")[:12]
    if version == before:
        return f"The procedures in {directory} are the active version already ({version})."
    verb = "are active now" if answer["applied"] else "are valid and would become active"
    return f"The procedures in {directory} {verb}: version {version}{f', after {before}' if before else ''}."
