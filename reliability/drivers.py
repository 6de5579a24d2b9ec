"""The drivers of `make reliability` and their claims, as claims.toml has them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("claims.toml")


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure's bound.

    Args:
        key: of the figure in a driver's line; dots lead into objects.
        how: "<=", ">=" or "==".
        than: the bound.
    """

    key: str
    how: str
    than: Any


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of docs/reliability.md.

    Args:
        text: what is claimed, for somebody who decides whether to trust it.
        bar: the bound in words.
        seen: the figures, as a format of a driver's line.
        test: the file in the test suite that holds a small part of it each time; empty where a figure is all there is.
        bars: what makes it hold; a line that says `holds` must say true as well.
        where: which of the driver's lines: the last one that has all of these. Empty for its summary.
        own: whether the bars alone decide, since the line's `holds` judges other claims too.
    """

    text: str
    bar: str
    seen: str
    test: str = ""
    bars: tuple[Bar, ...] = ()
    where: Mapping[str, object] = field(default_factory=dict)
    own: bool = False


@dataclass(frozen=True, slots=True)
class Driver:
    """A program that tries to break something.

    Args:
        name: for `--only`.
        about: heading of its claims.
        run: what follows `python -m`.
        limit_s: seconds after which it is ended.
        claims: what it is to show.
        quick: arguments more for a short run.
        on_postgresql: whether it is handed an empty PostgreSQL database of our own.
        long: whether it runs only when it is named.
    """

    name: str
    about: str
    run: str
    limit_s: float
    claims: tuple[Claim, ...]
    quick: str = ""
    on_postgresql: bool = False
    long: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """One line of the chart.

    Args:
        label: what it shows.
        driver: whose figures.
        keys: of the median, the 99th percentile and the worst; fewer where there are fewer.
        judged: key of the figure that the bar is for.
        bar_s: what was to be met, in seconds; None for no bar.
        where: as of a claim.
        scale: seconds in one of the figures' units.
    """

    label: str
    driver: str
    keys: tuple[str, ...]
    judged: str = ""
    bar_s: float | None = None
    where: Mapping[str, object] = field(default_factory=dict)
    scale: float = 1.0


def _driver(found: dict[str, Any]) -> Driver:
    return Driver(claims=tuple(map(_claim, found.pop("claim"))), **found)


def _claim(found: dict[str, Any]) -> Claim:
    return Claim(bars=tuple(map(_bar, found.pop("bars", ()))), **found)


def _bar(text: str) -> Bar:
    key, how, than = text.split(" ", 2)
    return Bar(key, how, json.loads(than))


def _strip(found: dict[str, Any]) -> Strip:
    return Strip(keys=tuple(found.pop("keys")), **found)


_READ = tomllib.loads(FILE.read_text(encoding="utf-8"))
DRIVERS = tuple(map(_driver, _READ["driver"]))
STRIPS = tuple(map(_strip, _READ["strip"]))
