"""Cells of rows by lead times: a scorecard, and scores by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.theme import template

Values = NDArray[np.float64]

BY_CHANCE = "○"
"""Stands in cells whose difference may be chance."""

# ColorBrewer's RdBu without its darkest ends, so that dark numbers can be read in every cell.
_BETTER_TO_WORSE = ["#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d"]
_INK = "#1a1c24"

_ROW_HEIGHT, _LOWEST_ROW, _MANY_ROWS = 30, 22, 20
_FRAME_HEIGHT = 118
_MOST_WITH_DECIMALS, _MOST_WITH_NUMBERS = 10, 16
_LEAST_BOUND, _MOST_BOUND = 5.0, 100.0
_LARGEST_SHOWN = 999


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One measure of a source beside a reference; arrays are (row, lead), NaN: not known."""

    rows: Sequence[str]
    lead_hours: Sequence[int]
    percent: Values
    """Below zero is better."""
    values: Values
    reference_values: Values
    units: Sequence[str]
    """Of the scores, by row."""
    significant: NDArray[np.bool_] | None = None
    """None: nobody asked."""


def scorecard_figure(cells: Cells, *, source: str, reference: str) -> go.Figure:
    """Per cent of change, blue where `source` is better than `reference`, red where worse.

    The first row is above. `figure.layout.height` grows with the rows. A click on a cell tells its
    row as ``y``. Columns that span no colour, and numbers beyond the colours, are told by their
    text.
    """
    known = np.abs(cells.percent[np.isfinite(cells.percent)])
    bound = float(np.clip(np.percentile(known, 95), _LEAST_BOUND, _MOST_BOUND)) if known.size else 1
    details = [
        [_detail(cells, row, lead, source, reference) for lead in range(len(cells.lead_hours))]
        for row in range(len(cells.rows))
    ]
    heat = go.Heatmap(
        x=[lead_name(hours) for hours in cells.lead_hours],
        y=list(cells.rows),
        z=cells.percent,
        zmin=-bound,
        zmax=bound,
        colorscale=_BETTER_TO_WORSE,
        textfont={"color": _INK},
        text=_texts(cells),
        customdata=details,
        hovertemplate="<b>%{y}</b>, %{x}<br>%{customdata}<extra></extra>",
        colorbar={
            "title": {"text": "better  ←  %  →  worse", "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "ticksuffix": " ",
            "tickformat": "+~g",
            "lenmode": "pixels",
            "len": max(120, min(320, _height(len(cells.rows)) - _FRAME_HEIGHT)),
            "y": 1,
            "yanchor": "top",
        },
    )
    return _grid(heat, len(cells.rows), len(cells.lead_hours))


def level_scores_figure(
    levels: Sequence[str], lead_hours: Sequence[int], values: Values, *, name: str, unit: str
) -> go.Figure:
    """A score (level, lead) in a perceptually uniform scale, with its numbers."""
    text = [[_short(value) for value in row] for row in values]
    shown = len(lead_hours) <= _MOST_WITH_NUMBERS
    heat = go.Heatmap(
        x=[lead_name(hours) for hours in lead_hours],
        y=list(levels),
        z=values,
        colorscale="Cividis",
        text=text if shown else None,
        hovertemplate=f"<b>%{{y}}</b>, %{{x}}<br>{name} %{{z:.4~g}} {pretty_unit(unit)}"
        "<extra></extra>",
        colorbar={
            "title": {"text": f"{name} [{pretty_unit(unit)}]", "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
        },
    )
    return _grid(heat, len(levels), len(lead_hours))


def lead_name(hours: int) -> str:
    """``+6 h``; whole days from three on as ``+5 d``."""
    return f"+{hours // 24} d" if hours >= 72 and hours % 24 == 0 else f"+{hours} h"


def _grid(heat: go.Heatmap, num_rows: int, num_leads: int) -> go.Figure:
    heat.update(xgap=2, ygap=2, hoverongaps=False)
    if heat.text is not None:
        heat.update(texttemplate="%{text}", textfont_size=12 if num_leads <= 8 else 10)
    figure = go.Figure(heat, layout={"template": template(), "height": _height(num_rows)})
    figure.update_layout(
        hovermode="closest",
        # A finger that scrolls the page draws no box.
        dragmode=False,
        margin={"t": 44, "r": 8, "b": 16, "l": 8},
    )
    figure.update_xaxes(
        type="category", side="top", showgrid=False, title_text="Lead time", fixedrange=True
    )
    figure.update_yaxes(
        type="category", autorange="reversed", showgrid=False, ticksuffix=" ", fixedrange=True
    )
    return figure


def _height(num_rows: int) -> int:
    row = _ROW_HEIGHT if num_rows <= _MANY_ROWS else _LOWEST_ROW
    return max(200, _FRAME_HEIGHT - 40 + row * num_rows)


def _texts(cells: Cells) -> list[list[str]] | None:
    leads = len(cells.lead_hours)
    if leads > _MOST_WITH_NUMBERS:
        return None
    texts = [
        [_percent(value, decimals=leads <= _MOST_WITH_DECIMALS) for value in row]
        for row in cells.percent
    ]
    if cells.significant is not None:
        for row, lead in np.argwhere(~cells.significant & np.isfinite(cells.percent)):
            texts[row][lead] += f" {BY_CHANCE}"
    return texts


def _percent(value: float, *, decimals: bool) -> str:
    if not np.isfinite(value):
        return ""
    if value > _LARGEST_SHOWN:
        return f"> +{_LARGEST_SHOWN}"
    number = f"{value:+.1f}" if decimals and abs(value) < 10 else f"{value:+.0f}"
    return number.replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else ""


def _detail(cells: Cells, row: int, lead: int, source: str, reference: str) -> str:
    unit = pretty_unit(cells.units[row])
    of, against = cells.values[row, lead], cells.reference_values[row, lead]
    lines = [f"{source} {of:.4g} {unit}", f"{reference} {against:.4g} {unit}"]
    if cells.significant is not None:
        sure = cells.significant[row, lead]
        lines.append("more than chance" if sure else "may be chance")
    return "<br>".join(lines)
