"""What is wrong with a directory, and where: one line each, as compilers write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tocsin.procedures.fields import nearest, shown
from tocsin.procedures.tree import Node, Place, find


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong.

    Args:
        file: name within the directory.
        place: line and column.
        message: what is wrong; what would be right.
    """

    file: str
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.place.line}:{self.place.column}: {self.message}"


def faults_in(file: str, tree: Node, model: type[BaseModel], error: ValidationError) -> Iterator[Fault]:
    """What a model found, at the places where it stands.

    Args:
        file: name of the file the tree was read from.
        tree: what was validated.
        model: what it was validated against.
        error: what the model found.
    """
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and detail["input"]:
            continue  # it has parts, but none that is right; those are reported by themselves
        path = _path(detail)
        at_key = detail["type"] in {"missing", "extra_forbidden"} or path[-1:] == ["[key]"]
        yield Fault(file, find(tree, path, key=at_key), explain(detail, model))


def _path(detail: ErrorDetails) -> list[str | int]:
    return [*detail["loc"], *detail.get("ctx", {}).get("at", ())]


def explain(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """One thing that a model found, in words for the person who edits the file.

    Args:
        detail: as pydantic gives it.
        model: the file's model.
    """
    path = _path(detail)
    names = [step for step in path if isinstance(step, str) and step not in _TAGS]
    name = names[-1] if names else ""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key {name!r}; {nearest(name, keys_at(model, path[:-1]))}"
        case "missing":
            within = f" of {names[-2]!r}" if len(names) > 1 else ""
            return f"the key {name!r}{within} is missing; add it"
        case "wrong" if name and name not in context["message"]:
            return f"{name}: {context['message']}"
        case "wrong":
            return str(context["message"])
        case kind:
            subject = "this name" if path[-1:] == ["[key]"] else name or "the file"
            return f"{subject}: {_plainly(kind, detail['input'], context)}"


_TAGS: Final = frozenset({"[key]", "hours", "words"})
"""Steps of a path that pydantic adds and nobody has written."""

_NOT_A_MAPPING: Final = "{value} is not a mapping; write 'key: value' lines, indented below it"
_NEITHER: Final = "{value} is neither true nor false; write one of them"
_NOT_WHOLE: Final = "{value} is not a whole number"

_KINDS: Final[Mapping[str, str]] = {
    "string_type": "{value} is not text; put it in quotes",
    "string_too_long": "is too long; {max_length} characters at most",
    "string_pattern_mismatch": (
        "{value} has characters that do not belong here; use letters, digits, '-', '_' and '.' only"
    ),
    "int_type": _NOT_WHOLE,
    "int_parsing": _NOT_WHOLE,
    "int_from_float": _NOT_WHOLE,
    "greater_than_equal": "{value} is too small; {ge} at least",
    "less_than_equal": "{value} is too large; {le} at most",
    "bool_type": _NEITHER,
    "bool_parsing": _NEITHER,
    "dict_type": _NOT_A_MAPPING,
    "model_type": _NOT_A_MAPPING,
    "model_attributes_type": _NOT_A_MAPPING,
    "tuple_type": "{value} is not a list; write it in brackets: [one, two]",
    "too_long": "has too many parts; {max_length} at most",
}
"""What pydantic calls an error, and how it reads."""


def _plainly(kind: str, value: object, context: Mapping[str, Any]) -> str:
    match kind:
        case "string_type" if value is None:
            return 'nothing is written here; write a value, or "" where there may be none'
        case "enum" | "literal_error":
            words = tuple(word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", "))
            return f"{shown(value)} is not known here; {nearest(str(value), words)}"
        case "too_short" | "string_too_short":
            return f"is empty; write {'a value' if isinstance(value, str) else 'at least one'}"
        case _:
            return _KINDS.get(kind, "{value} cannot stand here").format(value=shown(value), **context)


def keys_at(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that a mapping inside a file may have.

    Args:
        model: the file's model.
        path: keys and positions from the file's top to the mapping.

    Returns:
        The keys in the order of the model; nothing for a path that leads to no mapping of known keys.
    """
    inner: type[BaseModel] | None = model
    for step in path:
        fields = {} if inner is None else inner.model_fields
        known = {field.alias or name: field.annotation for name, field in fields.items()}
        if step in known:
            inner = model_in(known[str(step)])
    return tuple(field.alias or name for name, field in inner.model_fields.items()) if inner else ()


def model_in(annotation: object) -> type[BaseModel] | None:
    """The model that an annotation holds: itself, or within a list, a mapping or an optional; None without one.

    Args:
        annotation: of a model's field.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)
