"""From YAML text to a tree.

Built from the parser's events with a stack of our own, so that neither deep nesting nor aliases can exhaust anything.
Scalars follow YAML 1.2: `09:00` and `yes` are text, and `2026-12-25` is text that a field may read as a date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tocsin.procedures.tree import Node, Place, Scalar, Series, Table

DEEPEST: Final = 20
"""Collections inside collections; the deepest useful file has six."""


MOST: Final = 50_000
"""Keys and values in one file: far more than procedures need, few enough to be read in seconds."""


class UnreadableError(Exception):
    """The text cannot be read as YAML of the kind used here.

    Args:
        place: where reading ended.
        message: what is wrong; what would be right.
    """

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


def read_tree(text: str) -> tuple[Node, list[tuple[Place, str]]]:
    """Read one YAML document.

    Args:
        text: the whole file, already decoded.

    Returns:
        The tree, and what is wrong with it that did not stop the reading (keys written twice).

    Raises:
        UnreadableError: not YAML, more than one document, nested too deeply, or anchors, aliases or tags in it.
    """
    _refuse_unprintable(text)
    builder = _Builder()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        raise _explained(error, builder.long_quote) from error
    except YAMLError as error:
        raise UnreadableError(Place(), f"this is not YAML: {error}") from error
    if builder.root is None:
        raise UnreadableError(Place(), "the file is empty; start from the same file of a pack")
    return builder.root, builder.problems


_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", re.ASCII)
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _value(text: str) -> str | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _place(mark: StringMark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Builder:
    """Takes events one by one; what is open is on a stack."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._nodes = 0
        self.problems: list[tuple[Place, str]] = []
        self.long_quote: tuple[Place, int] | None = None  # the last quoted text of several lines, and where it ends
        self._open: list[Table | Series] = []
        self._keys: list[tuple[str, Place] | None] = []  # the key waiting for its value, one per open collection

    def take(self, event: Event) -> None:
        match event:
            case DocumentStartEvent() if self.root is not None:
                raise UnreadableError(_place(event.start_mark), "a second document starts here; keep one per file")
            case SequenceEndEvent() | MappingEndEvent():
                self._open.pop()
                self._keys.pop()
            case NodeEvent():
                self._node(event, _place(event.start_mark))
            case _:
                pass

    def _node(self, event: NodeEvent, place: Place) -> None:
        self._nodes += 1
        if self._nodes > MOST:
            raise UnreadableError(place, f"more than {MOST} keys and values; procedures have a few hundred")
        if event.anchor is not None:
            sign = "*" if isinstance(event, AliasEvent) else "&"
            raise UnreadableError(place, f"{sign}{event.anchor}: anchors and aliases are not read; write the value out")
        if getattr(event, "tag", None) not in {None, "!"}:
            raise UnreadableError(place, "a tag (a word after '!') is not read; put text in quotes")
        if getattr(event, "style", None) in {"'", '"'} and event.end_mark.line > event.start_mark.line:
            self.long_quote = (place, event.end_mark.line + 1)
        if self._open and isinstance(self._open[-1], Table) and self._keys[-1] is None:
            self._key(self._open[-1], event, place)
        elif isinstance(event, ScalarEvent):
            self._put(self._scalar(event, place))
        elif isinstance(event, MappingStartEvent):
            self._enter(Table(place))
        elif isinstance(event, SequenceStartEvent):
            self._enter(Series(place))

    def _scalar(self, event: ScalarEvent, place: Place) -> Scalar:
        if event.style:
            return Scalar(place, event.value)
        waiting = self._keys[-1] if self._keys else None
        if not event.value and waiting:  # the parser has it at the next word, which may be lines away
            place = waiting[1]
        return Scalar(place, _value(event.value))

    def _key(self, table: Table, event: NodeEvent, place: Place) -> None:
        if not isinstance(event, ScalarEvent):
            raise UnreadableError(place, "a list or mapping cannot be a key; if this is text, put it in quotes")
        if event.value in table.keys:
            first = table.keys[event.value].line
            self.problems.append((place, f"{event.value!r} is written twice, first on line {first}; keep one"))
        self._keys[-1] = (event.value, place)

    def _enter(self, node: Table | Series) -> None:
        if len(self._open) >= DEEPEST:
            raise UnreadableError(node.place, f"more than {DEEPEST} levels of nesting; procedures need six at most")
        self._put(node)
        self._open.append(node)
        self._keys.append(None)

    def _put(self, node: Node) -> None:
        match self._open[-1] if self._open else None:
            case None:
                self.root = node
            case Series(items=items):
                items.append(node)
            case Table(keys=keys, values=values):
                waiting = self._keys[-1]
                self._keys[-1] = None
                if waiting is not None:  # of two equal keys the first stands; the second has been reported
                    keys.setdefault(*waiting)
                    values.setdefault(waiting[0], node)


_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _refuse_unprintable(text: str) -> None:
    if found := _UNPRINTABLE.search(text):
        place = place_in(text, found.start())
        raise UnreadableError(place, f"the character U+{ord(found[0]):04X} cannot stand in YAML; take it out")


def place_in(text: str, offset: int) -> Place:
    """The place of a character of a text.

    Args:
        text: the whole text.
        offset: position of the character, counted from 0.
    """
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


_EXPLANATIONS: Final = (
    # words of the parser's problem or context · whether the place is where the construct was opened · our words
    ("'\\t'", False, "a tab stands where YAML wants spaces; indent with spaces"),
    ("quoted scalar found unexpected end", True, "this quoted text never ends; close the quote"),
    ("unknown escape", False, "this backslash means nothing in double quotes; write \\\\ or use single quotes"),
    ("mapping values", False, "a ': ' too many; put the text in quotes, or indent the key like its neighbours"),
    ("could not find expected ':'", True, "this line is neither 'key: value' nor '- item'; put a ': ' after the key"),
    ("cannot start any token", False, "a value cannot start with this character; put the text in quotes"),
    ("sequence entries", False, "a '- ' cannot stand here; start a new line for it"),
    ("block", False, "this line does not line up with those above; keys of one mapping have the same indentation"),
    ("<document start>", False, "this does not belong to what stands above; indent it like the other keys"),
    ("flow", True, "this bracket is not closed; put a ',' between its parts and close it"),
)


def _explained(error: MarkedYAMLError, long_quote: tuple[Place, int] | None) -> UnreadableError:
    """The parser's words, in the words of someone who edits the file."""
    said = f"{error.context or ''} {error.problem or ''}"
    found = _place(error.problem_mark) if error.problem_mark else Place()
    opened = _place(error.context_mark) if error.context_mark else found
    if long_quote and long_quote[1] == found.line:  # a forgotten quote ends where the next text begins
        return UnreadableError(long_quote[0], f"this quoted text runs on to line {found.line}; close the quote")
    for words, at_start, message in _EXPLANATIONS:
        if words in said:
            return UnreadableError(opened if at_start else found, message)
    return UnreadableError(found, f"this is not YAML: {said.strip()}")
