"""Runs beside each other: one curve of each, and their settings against their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.curves import Curve, compact
from aurora_dash.figures.theme import GREY, faint, series_style, template
from aurora_dash.figures.thinning import DEFAULT_POINTS, thin

_FEWEST_POINTS = 64
_ALL_POINTS = 5 * DEFAULT_POINTS
_LABEL_LENGTH = 28


@dataclass(frozen=True, kw_only=True)
class Line:
    """One run on a chart."""

    name: str
    curve: Curve
    """Values (N,) against x (N,)."""
    group: int = 0
    """Runs of a group look alike."""
    is_baseline: bool = False


def overlay_figure(
    lines: Sequence[Line],
    *,
    title: str,
    x_title: str,
    log_y: bool = False,
) -> go.Figure:
    """One curve a run, the baseline grey and broad behind the others.

    However many runs there are, all together have a bounded number of points.
    """
    figure = go.Figure(
        layout={
            "template": template(),
            "title": {"text": title},
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
            "xaxis": {"title": {"text": x_title}},
            "yaxis": {"type": "log" if log_y else "linear", "tickformat": "~g" if log_y else ""},
        }
    )
    each = points_a_line(len(lines))
    for line in sorted(lines, key=lambda line: not line.is_baseline):
        _add(figure, line, each)
    if not figure.data:
        figure.update_layout(xaxis_visible=False, yaxis_visible=False)
        figure.add_annotation(
            text="None of these runs recorded this",
            x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False,
        )  # fmt: skip
    return figure


def points_a_line(num_lines: int) -> int:
    """How many points each of the lines of a chart may have."""
    return max(_FEWEST_POINTS, min(DEFAULT_POINTS, _ALL_POINTS // max(1, num_lines)))


def _add(figure: go.Figure, line: Line, max_points: int) -> None:
    x, y = thin(*line.curve, max_points)
    if not np.isfinite(y).any():
        return
    colour, dash = (GREY, "solid") if line.is_baseline else series_style(line.group)
    figure.add_trace(
        go.Scatter(
            name=_short(line.name),
            x=compact(x),
            y=y.astype(np.float32),
            mode="lines+markers" if y.size < 3 else "lines",
            line={
                "color": faint(colour, 0.55) if line.is_baseline else colour,
                "dash": dash,
                "width": 4 if line.is_baseline else 1.5,
            },
            hovertemplate="%{y:.4~g}",
        )
    )


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One upright axis: a number or a word of every run."""

    title: str
    values: Sequence[float | str | None]


def parallel_figure(
    dimensions: Sequence[Dimension], colour: Sequence[float | None], colour_title: str
) -> go.Figure:
    """A line a run through upright axes, coloured by a result, the smaller the brighter.

    `colour` and the values of each dimension have one entry a run; None is drawn at the lower end
    of its axis, which then says so. Words get places in their order.
    """
    known = [value for value in colour if value is not None]
    worst = max(known, default=0.0)
    figure = go.Figure(
        go.Parcoords(
            line={
                "color": [worst if value is None else value for value in colour],
                "colorscale": "Cividis",
                "reversescale": True,
                "showscale": bool(known),
                "colorbar": {"title": {"text": colour_title}},
            },
            dimensions=[_axis(dimension) for dimension in dimensions],
        )
    )
    figure.update_layout(template=template(), margin={"l": 72, "r": 24, "t": 72, "b": 24})
    return figure


def _axis(dimension: Dimension) -> Mapping[str, object]:
    values = dimension.values
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) + sum(v is None for v in values) == len(values) and numbers:
        return _number_axis(dimension.title, values, numbers)
    words = list(dict.fromkeys(_word(value) for value in values))
    return {
        "label": _short(dimension.title),
        "values": [words.index(_word(value)) for value in values],
        "tickvals": list(range(len(words))),
        "ticktext": [_short(word) for word in words],
    }


def _number_axis(
    title: str, values: Sequence[float | str | None], numbers: Sequence[float]
) -> Mapping[str, object]:
    """An axis in powers of ten where the numbers span more than two of them."""
    logarithmic = min(numbers) > 0 and max(numbers) / min(numbers) > 100
    scaled = np.log10(numbers) if logarithmic else np.asarray(numbers, np.float64)
    low, high = float(scaled.min()), float(scaled.max())
    below = low - 0.1 * ((high - low) or 1.0)
    placed: NDArray[np.float64] = np.full(len(values), below)
    placed[[value is not None for value in values]] = scaled
    ticks = np.unique(scaled) if np.unique(scaled).size <= 8 else np.linspace(low, high, 6)
    texts = [f"{10**tick if logarithmic else tick:.3g}" for tick in ticks]
    missing = any(value is None for value in values)
    return {
        "label": _short(title),
        "values": placed,
        "tickvals": [*([below] if missing else []), *ticks],
        "ticktext": [*(["none"] if missing else []), *texts],
    }


def _word(value: float | str | None) -> str:
    return "none" if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…"
