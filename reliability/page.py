"""docs/reliability.md and its chart, from the figures and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from string import Template

from reliability import chart
from reliability.drivers import DRIVERS, Driver
from reliability.evidence import SHORT, Figures, Finding, Verdict, fell_short, findings
from reliability.runs import ROOT

FIGURES = ROOT / "docs" / "reliability" / "figures.json"
PAGE = ROOT / "docs" / "reliability.md"
CHART = ROOT / "docs" / "reliability" / "lateness.svg"
BUSY = 0.25
"""A machine of which more than this part is at work on something else is not quiet."""
TEMPLATE = Path(__file__).with_name("page.md")


def read() -> Figures:
    """The figures that are kept; none when there are none yet."""
    kept: Figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    return kept


def write(figures: Figures) -> None:
    """Keep figures, and draw the page and the chart from them."""
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(figures), encoding="utf-8")
    CHART.write_text(chart.draw(figures), encoding="utf-8")


def render(figures: Figures, drivers: Sequence[Driver] = DRIVERS) -> str:
    """The whole page."""
    found = findings(figures, drivers)
    ran = [driver for driver in drivers if driver.name in figures]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        summary=_summary(found),
        short=_short(found, figures),
        tables="\n".join(_tables(found, figures)),
        minutes=max(1, round(sum(figures[driver.name]["seconds"] for driver in ran if not driver.long) / 60)),
        commands="\n".join(_commands(figures, ran)),
        long=",".join(driver.name for driver in drivers if driver.long),
        surroundings="\n\n".join(_surroundings(figures, ran)),
        cores=" or ".join(sorted({str(figures[driver.name]["on"]["cores"]) for driver in ran})) or "the same",
    )


def _summary(found: Sequence[Finding]) -> str:
    counted = Counter(each.verdict for each in found)
    said = [f"{counted[Verdict.HELD]} of {len(found)} claims held"]
    said += [f"{counted[Verdict.FELL_SHORT]} fell short"] if counted[Verdict.FELL_SHORT] else []
    said += [f"{counted[Verdict.NOT_SHOWN]} could not be shown"] if counted[Verdict.NOT_SHOWN] else []
    return ", ".join(said) + "."


def _short(found: Sequence[Finding], figures: Figures) -> str:
    """What did not hold comes first."""
    ran = [each for each in fell_short(found) if each.driver.name in figures]
    lines = [f"- **{each.verdict}:** {each.claim.text} Bar: {each.claim.bar}. Seen: {each.seen}." for each in ran]
    missing = dict.fromkeys(each.driver.name for each in found if each.driver.name not in figures)
    lines += [f"- **not run yet:** {', '.join(missing)}"] if missing else []
    return "\n".join([*lines, ""]) if lines else ""


def _tables(found: Sequence[Finding], figures: Figures) -> Iterator[str]:
    for about, group in groupby(found, key=lambda each: each.driver.about):
        yield f"### {about}\n"
        yield "| claim | bar | seen | |"
        yield "|---|---|---|---|"
        for each in group:
            claim, run = each.claim, figures.get(each.driver.name)
            verdict = str(each.verdict) if each.verdict is Verdict.HELD else f"**{each.verdict}**"
            short = "; a short run" if run and run["quick"] and not each.seen.endswith(SHORT) else ""
            test = f"; [test](../{claim.test})" if claim.test else ""
            yield f"| {claim.text} | {claim.bar} | {each.seen}{short} | {verdict}{test} |"
        yield ""


def _commands(figures: Figures, ran: Sequence[Driver]) -> Iterator[str]:
    width = max((len(figures[driver.name]["command"]) for driver in ran), default=0)
    for driver in ran:
        run = figures[driver.name]
        yield f"    {run['command']:<{width}}   # {run['seconds']:.0f} s"


def _surroundings(figures: Figures, ran: Sequence[Driver]) -> Iterator[str]:
    """On what it ran; figures of other machines or releases say which they are."""
    told: dict[str, list[str]] = {}
    for driver in ran:
        on = figures[driver.name]["on"]
        said = (
            f"{on['cores']} cores, {on['system']}, Python {on['python']}, SQLite {on['sqlite']}, "
            f"PostgreSQL {on['postgresql']}"
        )
        told.setdefault(said, []).append(driver.name)
    for said, names in told.items():
        yield f"Measured on {said}." if len(told) == 1 else f"Measured on {said}: {', '.join(names)}."
    busy = {driver.name: figures[driver.name]["busy_before"] for driver in ran}
    noisy = [f"{name} {share:.0%}" for name, share in busy.items() if share > BUSY]
    if noisy:
        yield f"Other programs were at work when these began, so their seconds say little: {', '.join(noisy)}."
