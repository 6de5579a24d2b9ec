"""What almost every verb does: find out where commands go, ask for one operation, and give the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tocsin.cli.backend import Backend, open_backend
from tocsin.cli.printing import print_json, print_lines, remark
from tocsin.domain.errors import InvalidError
from tocsin.settings import Settings


def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_environment(os.environ)


@contextmanager
def connected(person: str = "") -> Iterator[Backend]:
    """Whatever carries out commands now, for verbs that ask more than once.

    Args:
        person: who acts (`--as`); "" is whoever this is.

    Raises:
        UnavailableError: nobody could be asked.
    """
    _refuse_unreadable([person])
    with open_backend(settings(), person) as backend:
        yield backend


def ask(operation: str, body: Mapping[str, Any] | None = None, *, acting: str = "", **path: str) -> dict[str, Any]:
    """Ask for one operation, wherever commands go.

    Args:
        operation: its name in the catalogue.
        body: its facts; None stands for one that was not given.
        acting: who acts (`--as`); "" is whoever this is.
        path: parameters in its path.

    Returns:
        The answer, JSON-ready.

    Raises:
        TocsinError: it was not done; nothing was changed unless the message says so.
    """
    facts = dict(body or {})
    _refuse_unreadable([*facts.values(), *path.values()])
    with connected(acting) as backend:
        return backend.call(operation, facts, **path)


def act(
    operation: str,
    body: Mapping[str, Any] | None = None,
    *,
    acting: str,
    told: Callable[[dict[str, Any]], Iterable[str]],
    as_json: bool,
    **path: str,
) -> None:
    """Ask for something that somebody is to be paged for, and say so when no engine of ours is there to do it.

    Args:
        operation: its name in the catalogue.
        body: its facts; None stands for one that was not given.
        acting: who acts (`--as`); "" is whoever this is.
        told: the answer in lines for people.
        as_json: whether JSON is wanted instead.
        path: parameters in its path.

    Raises:
        TocsinError: it was not done.
    """
    facts = dict(body or {})
    _refuse_unreadable([*facts.values(), *path.values()])
    with connected(acting) as backend:
        answer = backend.call(operation, facts, **path)
        give(answer, told(answer), as_json=as_json)
        if backend.remark and not as_json:
            remark(backend.remark)


def give(answer: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print an answer: whole as JSON, or in lines for people.

    Args:
        answer: what the operation gave.
        lines: the same for people; not even made when JSON is wanted, if they come from a generator.
        as_json: whether JSON is wanted.
    """
    if as_json:
        print_json(answer)
    else:
        print_lines(lines)


def _refuse_unreadable(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, list | tuple):
            _refuse_unreadable(value)
        elif isinstance(value, str) and any("\ud800" <= one <= "\udfff" for one in value):
            raise InvalidError("An argument is not UTF-8 text, so it cannot be kept; nothing was changed.")
