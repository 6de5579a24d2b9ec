"""`tocsin test-page`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tocsin.cli.asking import act
from tocsin.cli.options import As, Json

Person = Annotated[str, typer.Argument(metavar="PERSON", help="By the short name in people.yaml.")]


def send_test_page(person: Person, *, as_: As = "", as_json: Json = False) -> None:
    """Send a person a page that is plainly a test.

    It goes out on every channel they can be reached by.

    Example: tocsin test-page ana
    """
    act("test-page", acting=as_, told=lambda it: [_told(it, person)], as_json=as_json, person=person)


def _told(answer: Mapping[str, Any], person: str) -> str:
    ways = ", ".join(page["channel"] for page in answer["items"])
    return f"A test page to {person} is on its way by {ways}." if ways else f"{person} has no way to be reached."
