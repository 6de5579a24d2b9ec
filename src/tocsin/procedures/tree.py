"""YAML text as a tree in which every key and value knows its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands; both count from 1, as editors do."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    place: Place
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; every key is text, as written."""

    place: Place
    keys: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """A list."""

    place: Place
    items: list[Node] = field(default_factory=list)


Node = Scalar | Table | Series


def plain(node: Node) -> object:
    """The tree's values without their places, as dictionaries, lists and scalars."""
    match node:
        case Scalar():
            return node.value
        case Table():
            return {key: plain(value) for key, value in node.values.items()}
        case Series():
            return [plain(item) for item in node.items]


def find(root: Node, path: Sequence[str | int], *, key: bool = False) -> Place:
    """Where a part of the tree stands.

    Args:
        root: the whole tree.
        path: keys and positions from the root to the part; steps that lead nowhere are passed over.
        key: point at the key that names the part rather than at its value.

    Returns:
        The place of the innermost part that exists.
    """
    node, place = root, root.place
    for step in path:
        match node:
            case Table() if str(step) in node.values:
                place = node.keys[str(step)] if key else node.values[str(step)].place
                node = node.values[str(step)]
            case Series() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                place = node.place
            case _:
                continue
    return place


def part(node: Node | None, *path: str) -> Table:
    """The mapping found by following keys; an empty one when there is none, so that checks need not ask."""
    for step in path:
        node = node.values.get(step) if isinstance(node, Table) else None
    return node if isinstance(node, Table) else Table(Place())


def texts(node: Node | None) -> Iterator[tuple[Place, str]]:
    """Every scalar directly in a list, as text with its place; nothing when it is not a list."""
    for item in node.items if isinstance(node, Series) else ():
        if isinstance(item, Scalar):
            yield item.place, str(item.value)


def scalars(node: Node) -> Iterator[Scalar]:
    """Every single value in the tree, in the order written."""
    match node:
        case Scalar():
            yield node
        case Table():
            for value in node.values.values():
                yield from scalars(value)
        case Series():
            for item in node.items:
                yield from scalars(item)
