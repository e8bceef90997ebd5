"""How normalised values are distributed, beside the standard normal that a model is used to."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.theme import BLUE, GREY, faint, template

RANGE = 5.0
"""Bars reach from -5 to 5 standard deviations; how much lies beyond is written on the figure."""

_NUM_BINS = 50


def histogram_figure(values: NDArray[Any], name: str) -> go.Figure:
    """Density of normalised `values` of the variable `name`, of any shape; NaN is left out.

    Bars are a density over all finite values, so that they compare with the standard normal's
    even where some lie beyond the bars.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    finite = flat[np.isfinite(flat)]
    figure = go.Figure(layout=_layout(name))
    if not finite.size:
        figure.update_layout(xaxis_visible=False, yaxis_visible=False)
        _write(figure, "No finite value to show", 0.5)
        return figure
    counts, edges = np.histogram(finite, bins=_NUM_BINS, range=(-RANGE, RANGE))
    width = edges[1] - edges[0]
    figure.add_trace(
        go.Bar(
            name=f"{name}, normalised",
            x=(edges[:-1] + width / 2).astype(np.float32),
            y=(counts / (finite.size * width)).astype(np.float32),
            width=width,
            marker={"color": faint(BLUE, 0.6), "line": {"width": 0}},
            hovertemplate="%{y:.3g}",
        )
    )
    x = np.linspace(-RANGE, RANGE, 201)
    figure.add_trace(
        go.Scatter(
            name="standard normal",
            x=x.astype(np.float32),
            y=(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)).astype(np.float32),
            mode="lines",
            line={"color": GREY, "width": 2, "dash": "dash"},
            hovertemplate="%{y:.3g}",
        )
    )
    beyond = 1 - counts.sum() / finite.size
    if beyond > 0:
        _write(
            figure, f"{100 * beyond:.2g} % beyond ±{RANGE:g}, largest {_farthest(finite):.3g}", 1
        )
    return figure


def _layout(name: str) -> dict[str, Any]:
    return {
        "template": template(),
        "title": {"text": f"Distribution of {name}"},
        "xaxis": {"title": {"text": "Standard deviations from the mean"}, "range": [-RANGE, RANGE]},
        "yaxis": {"title": {"text": "Density"}, "rangemode": "tozero"},
        "bargap": 0,
    }


def _farthest(values: NDArray[np.float64]) -> float:
    return float(values[np.argmax(np.abs(values))])


def _write(figure: go.Figure, text: str, x: float) -> None:
    figure.add_annotation(
        text=text,
        x=x,
        y=1 if x == 1 else 0.5,
        xref="paper",
        yref="paper",
        xanchor="right" if x == 1 else "center",
        showarrow=False,
    )
