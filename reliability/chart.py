"""The chart of lateness and recovery: one line for each measurement, all on one scale of seconds, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from reliability.drivers import STRIPS, Strip
from reliability.evidence import Figures, figure, line

LEFT, RIGHT, ROW, TOP, WIDTH = 300, 110, 34, 58, 960
FROM_S, TO_S = 0.001, 200.0
TICKS = ((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"))
OTHERS = ((60.0, "GoAlert's stuck lock"), (15.0, "Alertmanager's peer wait"))
INK, PALE, GOOD, BAD = "#1f2328", "#d1d9e0", "#1a7f37", "#cf222e"


def draw(figures: Figures, strips: Sequence[Strip] = STRIPS) -> str:
    """The whole picture; strips without figures are left out."""
    rows = [(strip, seconds) for strip in strips if (seconds := _seconds(figures, strip))]
    height = TOP + ROW * len(rows) + 40
    body = "\n".join([*_scale(height), *(part for at, row in enumerate(rows) for part in _row(at, *row))])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13" fill="{INK}" role="img" aria-label="Lateness and recovery in seconds">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _seconds(figures: Figures, strip: Strip) -> dict[str, float]:
    run = figures.get(strip.driver)
    row: dict[str, Any] | None = line(run, strip.where) if run else None
    found = {key: figure(row, key) for key in strip.keys} if row else {}
    return {key: value * strip.scale for key, value in found.items() if isinstance(value, int | float)}


def _x(seconds: float) -> float:
    share = math.log(min(max(seconds, FROM_S), TO_S) / FROM_S) / math.log(TO_S / FROM_S)
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _scale(height: int) -> Iterator[str]:
    bottom = height - 34
    for seconds, label in TICKS:
        x = _x(seconds)
        yield f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{bottom}" stroke="{PALE}"/>'
        yield f'<text x="{x}" y="{height - 16}" text-anchor="middle">{label}</text>'
    for at, (seconds, label) in enumerate(OTHERS):
        x, y = _x(seconds), 18 + 16 * at
        yield f'<line x1="{x}" y1="{y + 4}" x2="{x}" y2="{bottom}" stroke="{INK}" stroke-dasharray="2 4"/>'
        yield f'<text x="{x - 5}" y="{y}" text-anchor="end" font-size="11">{escape(label)} {seconds:g} s</text>'


def _row(at: int, strip: Strip, seconds: dict[str, float]) -> Iterator[str]:
    y = TOP + ROW * at + ROW // 2
    points = list(seconds.values())
    judged = seconds.get(strip.judged, points[-1])
    ink = GOOD if strip.bar_s is None or judged <= strip.bar_s else BAD
    yield f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(strip.label)}</text>'
    yield f'<line x1="{_x(points[0])}" y1="{y}" x2="{_x(points[-1])}" y2="{y}" stroke="{ink}" stroke-width="3"/>'
    for key, value in seconds.items():
        solid = key == (strip.judged or strip.keys[-1])
        yield (
            f'<circle cx="{_x(value)}" cy="{y}" r="{6 if solid else 4}" fill="{ink if solid else "#ffffff"}" '
            f'stroke="{ink}" stroke-width="2"/>'
        )
    if strip.bar_s is not None:
        x = _x(strip.bar_s)
        yield f'<line x1="{x}" y1="{y - 12}" x2="{x}" y2="{y + 12}" stroke="{INK}" stroke-width="3"/>'
    yield f'<text x="{WIDTH - RIGHT + 12}" y="{y + 4}" fill="{ink}">{_told(judged)}</text>'


def _told(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
