"""Draws docs/lifecycle.md from the table of moves; `python -m tools.draw_lifecycle` after every change of the table."""

from __future__ import annotations

import sys
from pathlib import Path

from tocsin.domain.lifecycle import STATUS, TRANSITIONS, Phase, diagram

FILE = Path(__file__).resolve().parent.parent / "docs" / "lifecycle.md"

INTRODUCTION = """\
# The life of an incident

Drawn by `python -m tools.draw_lifecycle` from the table `TRANSITIONS` in
[`domain/lifecycle.py`](../src/tocsin/domain/lifecycle.py), the only place that knows which command is legal when. Do
not edit this page: change the table and draw it again; a test compares the two.

An arrow is a command that can lead from one phase to another; the last table has those that change no phase too. Any
other command is refused, and the answer says what is possible.
"""


def page() -> str:
    """The whole Markdown page."""
    told = "\n".join(f"| {phase} | {status} |" for phase, status in STATUS.items())
    legal = "\n".join(f"| {phase or 'not declared yet'} | {_commands(phase)} |" for phase in TRANSITIONS)
    return (
        f"{INTRODUCTION}\n```mermaid\n{diagram()}```\n\n{_idle()}"
        f"## What outsiders are told\n\n| phase | status |\n|---|---|\n{told}\n\n"
        f"## What is possible\n\n| phase | commands |\n|---|---|\n{legal}\n"
    )


def _commands(phase: Phase | None) -> str:
    return ", ".join(f"`{command}`" for command in TRANSITIONS[phase])


def _idle() -> str:
    """A sentence about phases that are in the table and cannot be reached; empty when there are none."""
    entered = {
        target
        for phase, moves in TRANSITIONS.items()
        for targets in moves.values()
        for target in targets
        if target is not phase
    }
    idle = ", ".join(phase for phase in Phase if phase not in entered)
    return f"No command leads into these phases yet: {idle}.\n\n" if idle else ""


def main() -> int:
    """Write the page; say whether it changed."""
    text = page()
    changed = not FILE.exists() or FILE.read_text(encoding="utf-8") != text
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.name}: {'drawn anew' if changed else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
