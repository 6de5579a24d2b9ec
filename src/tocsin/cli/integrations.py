"""`tocsin integrations add | list | revoke`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.options import As, Json
from tocsin.cli.printing import printable, table

app = typer.Typer(
    help="Let a monitoring system in, and show or end what may send.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Option("--name", metavar="N", help="What people call the sender.")]
Service = Annotated[
    str, typer.Option("--service", metavar="S", help="What its alerts are about unless they say so; else the first.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As 'tocsin integrations list' shows it.")]


@app.command("add")
def add(*, name: Name, service: Service = "", as_: As = "", as_json: Json = False) -> None:
    """Make a key, and print addresses and configuration that are ready to paste.

    Example: tocsin integrations add --name prometheus --service claudex
    """
    answer = ask("integration-add", {"name": name, "service": service}, acting=as_)
    give(answer, _made(answer), as_json=as_json)


@app.command("list")
def list_integrations(*, as_json: Json = False) -> None:
    """List what may send.

    Example: tocsin integrations list
    """
    answer = ask("integration-list")
    give(answer, _listed(answer), as_json=as_json)


@app.command("revoke")
def revoke(integration: Id, *, as_: As = "", as_json: Json = False) -> None:
    """End a key: what it sends from now on is refused.

    Example: tocsin integrations revoke int-4f2a
    """
    answer = ask("integration-revoke", acting=as_, integration=integration)
    give(answer, [f"The integration {integration} is ended; what it sends is refused from now on."], as_json=as_json)


def _made(answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"{printable(answer['name'])} may send now, for the service {printable(answer['service'])}."
    yield ""
    yield from table([["id", answer["id"]], ["key", answer["key"]]])
    # An address is there to be copied: it is never cut.
    yield from (f"{name}  {url}" for name, url in answer.get("urls", {}).items())
    for name, snippet in answer.get("snippets", {}).items():
        yield ""
        yield f"For {name}:"
        yield from (f"    {line}" for line in str(snippet).splitlines())


def _listed(answer: Mapping[str, Any]) -> list[str]:
    if not answer["items"]:
        return ["Nothing may send yet: tocsin integrations add --name prometheus --service S."]
    rows = [
        [one["id"], printable(one["name"]), printable(one["service"]), "ended" if one.get("revoked_at") else "may send"]
        for one in answer["items"]
    ]
    return table([["ID", "NAME", "SERVICE", ""], *rows])
