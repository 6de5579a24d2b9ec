"""`tocsin assign`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from tocsin.cli.asking import act
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Incident, Json, Why
from tocsin.domain.people import Role

RoleName = Annotated[Role, typer.Argument(metavar="ROLE", case_sensitive=False, help=f"One of {', '.join(Role)}.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Who shall have it, by the short name in people.yaml.")]


def assign(
    role: RoleName, person: Person, incident: Incident, *, why: Why = "", as_: As = "", as_json: Json = False
) -> None:
    """Offer a role to somebody.

    Whoever has the role keeps it until the other accepts; a role that nobody has is given at once.

    Example: tocsin assign commander ana last --why "knows the database"
    """
    body = {"role": role.value, "person": person, "why": why}
    act("assign", body, acting=as_, told=lambda it: _told(it, role, person), as_json=as_json, incident=incident)


def _told(answer: Mapping[str, Any], role: Role, person: str) -> Iterator[str]:
    offered = {"role": role.value, "person": person} in answer["offers"]
    done = f"{role.value} was offered to {person}" if offered else f"{role.value} is {person}"
    return moved(answer, f"assigned: {done}")
