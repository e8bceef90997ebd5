"""Scores against lead time as small SVG pictures that need no script.

Like `aurora_dash.figures.thumbnails`, lines and letters are of a grey that is read on light and on
dark pages alike, since an image does not know the page's theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.ticker import MaxNLocator

from aurora_dash.figures.theme import GREY

WIDTH, HEIGHT = 300, 176
"""Of a picture without its legend, in pixels."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 290.0, 26.0, 142.0
_LEGEND_LINE = 15
_LEGEND_COLUMNS = 2


@dataclass(frozen=True, kw_only=True)
class LeadLine:
    """The scores of one source."""

    name: str
    colour: str
    values: Sequence[float]
    """One a lead; NaN leaves a gap."""


@dataclass(frozen=True, kw_only=True)
class LeadPanel:
    """One picture: a field's score by lead time."""

    title: str
    unit: str
    lead_hours: Sequence[int]
    lines: Sequence[LeadLine]


def lead_curves(panel: LeadPanel) -> str:
    """The panel as SVG text, from zero upwards unless a score is below zero."""
    height = HEIGHT + _LEGEND_LINE * math.ceil(len(panel.lines) / _LEGEND_COLUMNS)
    parts = [*_frame(panel), *_drawn(panel), *_legend(panel)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" font-family="sans-serif" font-size="10" fill="{GREY}">'
        f"<title>{escape(panel.title)}</title>{''.join(parts)}</svg>"
    )


def _ticks(panel: LeadPanel) -> list[float]:
    """Values at the lines of the grid, the first and the last of them the ends of the axis."""
    finite = [v for line in panel.lines for v in line.values if math.isfinite(v)] or [0.0]
    low, high = min(0.0, *finite), max(0.0, *finite)
    locator = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3)
    return [float(value) for value in locator.tick_values(low, high if high > low else low + 1)]


def _x(panel: LeadPanel, hours: float) -> float:
    last = max(panel.lead_hours)
    return _LEFT + (_RIGHT - _LEFT) * hours / last


def _y(ticks: Sequence[float], value: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _line(points: Sequence[tuple[float, float]], colour: str, width: float) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def _frame(panel: LeadPanel) -> Iterator[str]:
    ticks = _ticks(panel)
    yield _text(4, 13, panel.title, more=' font-size="11" font-weight="600"')
    yield _text(_RIGHT, 13, panel.unit, "end")
    for value in ticks:
        y = _y(ticks, value)
        yield f'<g opacity="0.35">{_line([(_LEFT, y), (_RIGHT, y)], GREY, 0.6)}</g>'
        yield _text(_LEFT - 5, y + 3.5, f"{value:.4g}", "end")
    for hours in _marked(panel.lead_hours):
        yield _text(_x(panel, hours), _BOTTOM + 14, f"{hours:g}", "middle")
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 27, "lead time [h]", "middle")


def _marked(lead_hours: Sequence[int]) -> Sequence[int]:
    """At most six leads to be named, the last among them."""
    every = math.ceil(len(lead_hours) / 6)
    return list(reversed(list(reversed(lead_hours))[::every]))


def _drawn(panel: LeadPanel) -> Iterator[str]:
    ticks = _ticks(panel)
    for line in panel.lines:
        run: list[tuple[float, float]] = []
        for hours, value in zip([*panel.lead_hours, 0], [*line.values, math.nan], strict=True):
            if math.isfinite(value):
                run.append((_x(panel, hours), _y(ticks, value)))
                continue
            if len(run) > 1:
                yield _line(run, line.colour, 1.8)
            for x, y in run:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{line.colour}"/>'
            run = []


def _legend(panel: LeadPanel) -> Iterator[str]:
    for index, line in enumerate(panel.lines):
        row, column = divmod(index, _LEGEND_COLUMNS)
        x = _LEFT + column * (_RIGHT - _LEFT) / _LEGEND_COLUMNS
        y = HEIGHT + 6 + row * _LEGEND_LINE
        yield _line([(x, y - 3.5), (x + 14, y - 3.5)], line.colour, 2.4)
        yield _text(x + 19, y, line.name)
