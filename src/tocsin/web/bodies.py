"""From an operation's dataclass to the model that FastAPI validates and documents, and back."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model

from tocsin.application.operations import Operation
from tocsin.domain.errors import InvalidError

OUTSIDE = {("close", "outcome"): "as"}
"""Fields that INTERFACE.md calls by the command's long option, which Python cannot; both names are taken."""


LONGEST_TEXT = 20_000
"""Characters of one text that a person sends; it is shown to people, and goes out in messages."""
WHOLE_DOCUMENTS = frozenset({"apply"})
"""Operations whose texts are parts of a document, which has its own limits."""
LARGEST = 2**63 - 1
"""The largest whole number that every database keeps."""


def model_of(operation: Operation) -> type[BaseModel]:
    """The model of an operation's body; unknown fields are faults.

    Args:
        operation: whose `body` is a dataclass.
    """
    hints = get_type_hints(operation.body)
    described = _descriptions(operation.body)
    fields: dict[str, Any] = {}
    for item in dataclasses.fields(operation.body):
        outside = OUTSIDE.get((operation.name, item.name))
        names = AliasChoices(outside, item.name) if outside else item.name
        fields[item.name] = (hints[item.name], _field(item, names, described.get(item.name)))
    name = "".join(part.capitalize() for part in operation.name.split("-"))
    return create_model(name, __config__=ConfigDict(extra="forbid"), __doc__=operation.summary, **fields)


def _field(item: dataclasses.Field[Any], names: str | AliasChoices, description: str | None) -> Any:  # noqa: ANN401 - pydantic's own word for it
    if item.default is not dataclasses.MISSING:
        return Field(default=item.default, validation_alias=names, description=description)
    if item.default_factory is not dataclasses.MISSING:
        return Field(default_factory=item.default_factory, validation_alias=names, description=description)
    return Field(validation_alias=names, description=description)


_ARGUMENT = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def _descriptions(body: type[Any]) -> dict[str, str]:
    """What the dataclass's docstring says of each field."""
    _, _, listed = inspect.cleandoc(body.__doc__ or "").partition("Args:\n")
    return {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(listed)}


def body_of(operation: Operation, model: BaseModel | None) -> Any:  # noqa: ANN401 - whatever the operation takes
    """The operation's body from validated input.

    Args:
        operation: which takes it.
        model: an instance of its `model_of`; None when nothing was sent.

    Raises:
        InvalidError: a text holds a character no database keeps, or a number is none.
    """
    if model is None:
        return operation.body()
    values = {name: getattr(model, name) for name in type(model).model_fields}
    require_sound(values, None if operation.name in WHOLE_DOCUMENTS else LONGEST_TEXT)
    return operation.body(**values)


def require_sound(value: object, longest: int | None = LONGEST_TEXT) -> None:
    """Let JSON-like values pass that every database can keep and a person can read.

    Args:
        value: what was sent, however deep.
        longest: characters a text may have; None for any number.

    Raises:
        InvalidError: a text holds NUL or half a surrogate pair, or a number is too large, infinite or none.
    """
    for leaf in _leaves(value):
        if isinstance(leaf, int) and abs(leaf) > LARGEST:
            raise InvalidError("A number in the request has more than 64 bits; nothing here counts that far.")
        if isinstance(leaf, float) and not math.isfinite(leaf):
            raise InvalidError("A number in the request is infinite or not a number; JSON has no such numbers.")
        if isinstance(leaf, str) and longest is not None and len(leaf) > longest:
            raise InvalidError(f"A text in the request has {len(leaf)} characters; at most {longest} are taken.")
        if isinstance(leaf, str) and ("\0" in leaf or (not leaf.isascii() and _lone_surrogate(leaf))):
            raise InvalidError(
                "A text in the request holds a NUL character or half of a surrogate pair, which cannot be kept; "
                "leave it out. Nothing was changed."
            )


def _lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _leaves(value: object) -> Iterator[object]:
    """Every key and value, however deep; a list instead of recursion, as the depth is the sender's choice."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            waiting.extend(current)
            waiting.extend(current.values())
        elif isinstance(current, list | tuple):
            waiting.extend(current)
        else:
            yield current
