"""★ Every verb there is, in one table; a verb's module is imported only when that verb is typed.

Importing thirty modules to print a page of help would cost more than the help, and `tocsin ack last` is typed by
somebody who was just woken (docs/adr/0003-typer.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, TypeAlias, cast

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter

Verb: TypeAlias = TyperCommand | TyperGroup

VERBS: Mapping[str, Mapping[str, str]] = {
    "Set up": {
        "init": "Lay out a home: procedures, database and the first admin token.",
        "check": "Say every fault of a procedures directory, or print a file's JSON Schema.",
        "apply": "Make a procedures directory the active version.",
        "integrations": "Let a monitoring system in, and show or end what may send.",
        "tokens": "Give, list and revoke API tokens.",
        "doctor": "Look for what would keep a page from going out.",
    },
    "Run": {
        "serve": "Run API, web pages and engine in one process.",
        "worker": "Run an engine only: one more node on PostgreSQL.",
        "demo": "Play one incident's whole life on a throw-away home.",
        "migrate": "Bring the database to this version's layout.",
        "backup": "Copy the database into one file, while serving or not.",
        "restore": "Put a backup in the place of this home's database.",
    },
    "Look": {
        "list": "List incidents, newest first.",
        "show": "Say who has an incident, what happens next and when.",
        "next": "Say who will be paged when, if nothing happens until then.",
        "timeline": "Print what happened, and prove that nobody rewrote it.",
        "oncall": "Say who is on call.",
    },
    "Respond": {
        "declare": "Open an incident and page whoever is due.",
        "ack": "Say that you have an incident: its pages stop.",
        "assign": "Offer a role to somebody.",
        "accept": "Take the role you were offered.",
        "decline": "Say that you cannot take it: the next one is paged at once.",
        "severity": "Change or confirm how bad it is.",
        "escalate": "Page the next level now.",
        "note": "Write something down on the timeline.",
        "resolve": "Call an incident over, by your signed statement.",
        "close": "Close what was none: false alarm, duplicate or merged.",
        "reopen": "Say that it is not over after all.",
    },
    "People": {
        "override": "Let somebody stand in for a while, and see or end that.",
        "test-page": "Send a person a page that is plainly a test.",
    },
}
"""Heading → verb → its line in `tocsin --help`, which is also the first line of its own help."""

SUMMARIES = {verb: summary for verbs in VERBS.values() for verb, summary in verbs.items()}


def module_of(verb: str) -> ModuleType:
    """Import the module that holds a verb."""
    return import_module(f"tocsin.cli.{_identifier(verb)}")


def command_of(verb: str) -> Verb:
    """Build a verb's command from its module: `app`, a typer application of its own, or the function of its name."""
    module = module_of(verb)
    app = getattr(module, "app", None)
    if not isinstance(app, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(verb)(getattr(module, _function(verb)))
    command = cast("Verb", typer.main.get_command(app))
    command.name = verb
    return command


_FUNCTIONS = {"list": "list_incidents", "next": "next_pages", "test-page": "send_test_page"}
"""Verbs whose function goes by another name, because Python or pytest would misunderstand theirs."""


def _identifier(verb: str) -> str:
    return verb.replace("-", "_")


def _function(verb: str) -> str:
    return _FUNCTIONS.get(verb, _identifier(verb))


class Verbs(TyperGroup):
    """All verbs as a command group that knows their names and summaries without importing any."""

    def list_commands(self, ctx: Context) -> list[str]:
        """The verbs, in the order of the help."""
        del ctx
        return list(SUMMARIES)

    def get_command(self, ctx: Context, cmd_name: str) -> Verb | None:
        """The verb's command, imported now; None when there is no such verb."""
        del ctx
        return command_of(cmd_name) if cmd_name in SUMMARIES else None

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Find the verb; for one that is misspelt, name those that are like it."""
        if args[0] not in SUMMARIES and not args[0].startswith("-") and not ctx.resilient_parsing:
            likely = get_close_matches(args[0], SUMMARIES, n=3)
            hint = f" Did you mean {' or '.join(likely)}?" if likely else ""
            ctx.fail(f"There is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the verbs below their headings, from the table."""
        del ctx
        for heading, verbs in VERBS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{verb:<12}", summary) for verb, summary in verbs.items()])


app = typer.Typer(name="tocsin", cls=Verbs, no_args_is_help=True, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tocsin import __version__

        typer.echo(f"tocsin {__version__}")
        raise typer.Exit


@app.callback()
def tocsin(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Incident response that runs your procedures.

    Every verb takes --json and --help. INC is an incident's id or an unambiguous ending of it; `last` is the newest.

    Exit codes: 0 done, 1 failed, 2 usage or invalid file, 3 not found or not allowed now, 4 server unreachable.

    Example: tocsin ack last
    """
    del version


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: what follows the program's name.

    Returns:
        The exit code the verb asked for.

    Raises:
        TocsinError: something was not done.
        typer.TyperException: the arguments cannot be understood.
    """
    command = typer.main.get_command(app)
    result = command.main(list(arguments), prog_name="tocsin", standalone_mode=False)
    return result if isinstance(result, int) else 0
