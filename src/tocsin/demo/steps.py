"""Steps that count only once they were observed, and waiting for what is to be observed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, TypeVar

import httpx

from tocsin.demo.api import RefusedError
from tocsin.demo.children import ChildError
from tocsin.domain.errors import TocsinError

PATIENCE_S = 60.0
"""Seconds something may take that normally takes none: a busy machine is no failure."""
_LOOK_EVERY_S = 0.05
_MISHAPS = (
    ChildError, LookupError, OSError, RefusedError, TocsinError, ValueError, httpx.HTTPError, subprocess.TimeoutExpired,
)  # fmt: skip
"""What looking from outside can meet: nobody there, a refusal, an answer that is not what it should be."""

T = TypeVar("T")


class UnmetError(Exception):
    """What a step is there to show was not seen.

    Args:
        expected: what should have been seen.
        seen: what was, instead.
    """

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"Expected {expected}; seen: {seen}")
        self.expected = expected
        self.seen = seen


class StepFailedError(Exception):
    """A step was not observed, so the demo ends; its result is with the audience already."""


@dataclass(slots=True)
class Observed:
    """What a step has seen so far, as lines for people: label and text."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def note(self, label: str, text: str) -> None:
        """Add one line.

        Args:
            label: a word for the margin, such as "mail".
            text: what was seen.
        """
        self.lines.append((label, text))


@dataclass(frozen=True, slots=True)
class Result:
    """How one step went.

    Args:
        name: for programs.
        title: for people: what should happen, and did if `passed`.
        passed: whether it was observed.
        seconds: since the demo began.
        lines: what was seen, as label and text.
    """

    name: str
    title: str
    passed: bool
    seconds: float
    lines: tuple[tuple[str, str], ...]


class Audience(Protocol):
    """Whoever watches the demo."""

    def ended(self, result: Result) -> None:
        """A step was observed, or was not."""

    def happened(self, entry: Mapping[str, Any]) -> None:
        """Tocsin wrote an entry on the incident's timeline."""


class Steps:
    """The steps of one demo.

    Args:
        audience: told as they end.
        patience_s: seconds to wait for what normally comes at once.

    Attributes: `meanwhile`, called again and again during every wait; what it raises fails the step.
    """

    def __init__(self, audience: Audience, patience_s: float = PATIENCE_S) -> None:
        self.audience = audience
        self.meanwhile: list[Callable[[], None]] = []
        self._patience_s = patience_s
        self._began = time.monotonic()

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[Observed]:
        """One step: passed when the block ends, failed when it raises what a block may well raise.

        Args:
            name: for programs.
            title: for people: what is going to happen.

        Raises:
            StepFailedError: it was not observed.
        """
        observed = Observed()
        try:
            yield observed
        except UnmetError as error:
            self._failed(name, title, observed, error.expected, error.seen)
        except _MISHAPS as error:
            self._failed(name, title, observed, "nothing to go wrong", str(error) or repr(error))
        self._ended(name, title, observed, passed=True)

    def until(self, look: Callable[[], T | None], expected: str, seen: Callable[[], str], after_s: float = 0) -> T:
        """Wait until something is seen.

        Args:
            look: gives it, or None while it is not there.
            expected: what is waited for, in words.
            seen: says what is there instead; asked only when patience is at its end.
            after_s: seconds after which it is due; patience begins then.

        Raises:
            UnmetError: it was not seen in time.
        """
        deadline = time.monotonic() + after_s + self._patience_s
        while True:
            for other in self.meanwhile:
                other()
            found = look()
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise UnmetError(expected, seen())
            time.sleep(_LOOK_EVERY_S)

    def _failed(self, name: str, title: str, observed: Observed, expected: str, seen: str) -> NoReturn:
        observed.note("expected", expected)
        observed.note("seen", seen)
        self._ended(name, title, observed, passed=False)
        raise StepFailedError(f"{title}: expected {expected}; seen: {seen}")

    def _ended(self, name: str, title: str, observed: Observed, *, passed: bool) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        self.audience.ended(Result(name, title, passed, seconds, tuple(observed.lines)))
