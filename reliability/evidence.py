"""What the figures say of each claim: held, fell short, or was not shown."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reliability.drivers import DRIVERS, Bar, Claim, Driver
from reliability.runs import Run

Figures = Mapping[str, Run]
"""The kept run of each driver, by its name."""

SHORT = "not shown in a short run"
_MISSING = "?"
_COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


class Verdict(StrEnum):
    """What came of a claim."""

    HELD = "held"
    FELL_SHORT = "fell short"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim and what came of it.

    Args:
        seen: the figures in words, or why there are none.
    """

    driver: Driver
    claim: Claim
    verdict: Verdict
    seen: str


def findings(figures: Figures, drivers: Sequence[Driver] = DRIVERS) -> list[Finding]:
    """What came of every claim, in the order of the registry; long runs that were not asked for are no claims."""
    claimed = [driver for driver in drivers if driver.name in figures or not driver.long]
    return [_finding(driver, claim, figures.get(driver.name)) for driver in claimed for claim in driver.claims]


def _finding(driver: Driver, claim: Claim, run: Run | None) -> Finding:
    if run is None:
        return Finding(driver, claim, Verdict.NOT_SHOWN, "not run yet")
    row = line(run, claim.where)
    if row is None:
        return Finding(driver, claim, Verdict.NOT_SHOWN, _why_not(driver, run))
    seen = claim.seen.format_map(_Words(row))
    if run["ended"] != "finished" and not claim.where:
        return Finding(driver, claim, Verdict.NOT_SHOWN, _why_not(driver, run))
    if not claim.bars and "holds" not in row:
        return Finding(driver, claim, Verdict.NOT_SHOWN, f"{seen}; the driver passed no judgement")
    return Finding(driver, claim, *_judged(claim, row, seen, quick=run["quick"]))


def _judged(claim: Claim, row: Mapping[str, Any], seen: str, *, quick: bool) -> tuple[Verdict, str]:
    """A figure that is missing shows nothing, nor does a short run that holds by a bar lower than the claim's."""
    content = claim.own or row.get("holds", True) is True
    met = all(meets(row, bar) for bar in claim.bars)
    if not content:
        return Verdict.FELL_SHORT, seen
    if _MISSING in seen:
        return Verdict.NOT_SHOWN, f"{seen}; a figure is missing"
    if quick and (not claim.bars or (not met and "holds" in row and not claim.own)):
        return Verdict.NOT_SHOWN, f"{seen}; {SHORT}"
    return Verdict.HELD if met else Verdict.FELL_SHORT, seen


def _why_not(driver: Driver, run: Run) -> str:
    reasons = {"timed out": f"not done after {driver.limit_s:g} s", "failed": "the driver itself failed"}
    return reasons.get(run["ended"], "no such figure")


def line(run: Run, where: Mapping[str, object]) -> dict[str, Any] | None:
    """The last of a run's lines that has all of these; its very last one when nothing is asked of it."""
    for row in reversed(run["lines"]):
        if all(key in row and row[key] == value for key, value in where.items()):
            found: dict[str, Any] = row
            return found
    return None


def figure(row: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A figure by its key, in which dots lead into objects; None when there is none."""
    found: Any = row
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def meets(row: Mapping[str, Any], bar: Bar) -> bool:
    """Whether a line's figure is within a bound; one that is missing is not."""
    value = figure(row, bar.key)
    return value is not None and bool(_COMPARE[bar.how](value, bar.than))


class _Words(dict[str, Any]):
    """A line's figures for a sentence; one that is missing reads as a question mark, never as a number."""

    def __missing__(self, key: str) -> object:
        return _Unknown()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        value = super().__getitem__(key)
        return _Unknown() if value is None else value


class _Unknown:
    def __format__(self, form: str) -> str:
        return _MISSING

    def __getattr__(self, name: str) -> _Unknown:
        return self

    def __getitem__(self, index: object) -> _Unknown:
        return self


def fell_short(found: Sequence[Finding]) -> Iterator[Finding]:
    """Those that did not hold."""
    return (each for each in found if each.verdict is not Verdict.HELD)
