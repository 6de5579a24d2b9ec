"""`tocsin tokens create | list | revoke`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from tocsin.application.operations import Access
from tocsin.cli.asking import ask, give
from tocsin.cli.options import As, Json
from tocsin.cli.printing import printable, table

app = typer.Typer(
    help="Give, list and revoke API tokens.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

RoleName = Annotated[Access, typer.Option("--role", case_sensitive=False, help="What it may do.")]
Person = Annotated[str, typer.Option("--person", metavar="P", help="Whose it is; they act when it is used.")]
Name = Annotated[str, typer.Option("--name", metavar="N", help="What it is for.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As 'tocsin tokens list' shows it.")]


@app.command("create")
def create(*, role: RoleName, person: Person = "", name: Name = "", as_: As = "", as_json: Json = False) -> None:
    """Make a token; it is shown once and cannot be read again.

    Example: tocsin tokens create --role responder --person ana
    """
    answer = ask("token-create", {"role": role.value, "person": person, "name": name}, acting=as_)
    give(answer, _made(answer), as_json=as_json)


@app.command("list")
def list_tokens(*, as_json: Json = False) -> None:
    """List the tokens there are; never what they say.

    Example: tocsin tokens list
    """
    answer = ask("token-list")
    give(answer, _listed(answer), as_json=as_json)


@app.command("revoke")
def revoke(token: Id, *, as_: As = "", as_json: Json = False) -> None:
    """End a token at once, with the browser sessions that came from it.

    Example: tocsin tokens revoke tok-4f2a
    """
    answer = ask("token-revoke", acting=as_, token=token)
    give(answer, [f"The token {token} is ended."], as_json=as_json)


def _made(answer: Mapping[str, Any]) -> Iterator[str]:
    yield str(answer["token"])
    yield f"Keep it now: it is not shown again. Its id is {answer['id']}, its role {answer['role']}."


def _listed(answer: Mapping[str, Any]) -> list[str]:
    if not answer["items"]:
        return ["There are no tokens: tocsin tokens create --role admin."]
    rows = [
        [
            one["id"],
            one["role"],
            printable(one.get("person") or "-"),
            "ended" if one.get("revoked_at") else "valid",
            printable(one.get("name") or ""),
        ]
        for one in answer["items"]
    ]
    return table([["ID", "ROLE", "PERSON", "", "NAME"], *rows])
