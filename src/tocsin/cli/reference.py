"""Draws docs/cli.md from the commands themselves, so that the page cannot say anything else.

Example: python -m tocsin.cli.reference > docs/cli.md
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from tocsin.cli.app import SUMMARIES, VERBS, command_of

INTRODUCTION = """\
# The command line

This page is drawn from the commands themselves by `make docs`; a test keeps it current.

`INC` is an incident's id or an unambiguous ending of it; `last` is the newest. Times that you type are local: `18:00`,
`"2026-11-24 18:00"`, `+2h`, or RFC 3339. Every command takes `--json`, which prints the API's answer, and `--help`.
`tocsin --install-completion` teaches your shell the rest. Colours show only on a terminal, and never with `NO_COLOR`.

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | the command line cannot be understood, or a file or value is not valid |
| 3 | not found, not allowed for you, or not allowed now |
| 4 | the server or the database cannot be reached |

Answers go to standard output, errors to standard error: a sentence, or with `--json` a problem as in RFC 9457.
`TOCSIN_LOG=debug` adds where an error came from.

**Where a command goes.** To the server at `TOCSIN_URL`, with `TOCSIN_TOKEN`, if that is set; else to the server that
runs in the home directory (`TOCSIN_HOME`); else the command opens the home itself, and waits up to ten seconds for
another one that is doing so.

**Who acts.** The token's person; without a server, the person named like the system's user, else `operator`.
`--as PERSON` (or `--by PERSON`) names somebody else for the record; a claimed identity never signs,
so it neither resolves nor closes.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with what is typed for it, such as "tokens create"."""
    for verb in SUMMARIES:
        yield from _commands(verb)


def _commands(verb: str) -> Iterator[tuple[str, Any]]:
    try:
        command = command_of(verb)
    except ModuleNotFoundError as error:
        if error.name != f"tocsin.cli.{verb}":
            raise
        return
    if isinstance(command, TyperGroup):
        yield from ((f"{verb} {name}", inner) for name, inner in command.commands.items())
    else:
        yield verb, command


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for heading, verbs in VERBS.items():
        parts.append(f"## {heading}\n")
        for verb in verbs:
            parts += [_described(path, command) for path, command in _commands(verb)]
    return "\n".join(parts)


def _described(path: str, command: Any) -> str:  # noqa: ANN401 - typer keeps the class private
    *body, example = [part.strip() for part in command.help.strip().split("\n\n")]
    lines = [f"### tocsin {path}", "", *_paragraphs(body), f"    {example.removeprefix('Example:').strip()}", ""]
    rows = [row for row in map(_row, command.params) if row]
    if rows:
        lines += ["| argument or option | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _paragraphs(parts: list[str]) -> Iterator[str]:
    for part in parts:
        yield textwrap.fill(" ".join(part.split()), 120)
        yield ""


def _row(parameter: Any) -> str:  # noqa: ANN401 - as above
    if "--json" in parameter.opts or {"--as", "--by"} <= set(parameter.opts):
        return ""  # every command has them, and the introduction explains them
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        shown = f"`{name}`" if parameter.required else f"`[{name}]`"
    else:
        name = ", ".join(f"`{one}`" for one in parameter.opts)
        value = "" if parameter.is_flag else f" `{_value(parameter)}`"
        shown = f"{name}{value}{' (needed)' if parameter.required else ''}"
    return f"| {shown.replace('|', '&#124;')} | {parameter.help} |"


def _value(parameter: Any) -> str:  # noqa: ANN401 - as above
    return str(parameter.metavar or parameter.display_type(typer.Context(command_of("list"))))


if __name__ == "__main__":
    sys.stdout.write(reference())
