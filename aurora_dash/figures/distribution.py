"""How forecasts and targets are distributed: density of both, histograms, quantiles.

All from histograms of both together: `edges` (N + 1,) of the bins, `area` (N, N) of points by the
bins of target and forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.sources import TARGET, source_name, source_styles
from aurora_dash.figures.theme import GREY, template

Values = NDArray[np.float64]

# The middle, and tails as far out as ten thousand points tell anything of.
PROBABILITIES = np.array(
    [1e-4, 1e-3, 0.01, 0.02, 0.05, *np.arange(0.1, 0.95, 0.05), 0.95, 0.98, 0.99, 0.999, 0.9999]
)
_TOLD = (0.01, 0.5, 0.99)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """Of one field at one lead time."""

    edges: Values
    area: Mapping[str, Values]
    """By source."""
    axis: str
    """What the values are, with their unit."""


def density_figure(of: Distribution, source: str) -> go.Figure:
    """How often each value was forecast where each was observed, on a logarithmic scale."""
    area, edges = _cut(of.area[source], of.edges)
    with np.errstate(divide="ignore"):
        share = 100 * area / area.sum()
        shade = np.where(share > 0, np.log10(share), np.nan)
    middle = (edges[:-1] + edges[1:]) / 2
    low = float(np.nanmin(shade)) if np.isfinite(shade).any() else -1.0
    high = float(np.nanmax(shade)) if np.isfinite(shade).any() else 0.0
    ticks = np.arange(np.ceil(low), np.floor(high) + 1)
    heat = go.Heatmap(
        x=middle,
        y=middle,
        # Rows of a heat map are y: the forecast.
        z=shade.T.astype(np.float32),
        customdata=share.T.astype(np.float32),
        colorscale="Viridis",
        colorbar={
            "title": {"text": "% of the area", "side": "right"},
            "tickvals": ticks.tolist(),
            "ticktext": [f"{10**tick:g}" for tick in ticks],
            "thickness": 10,
            "outlinewidth": 0,
        },
        hovertemplate="observed %{x:.4~g}<br>forecast %{y:.4~g}<br>%{customdata:.2~g} %"
        "<extra></extra>",
    )
    figure = go.Figure(heat, layout={"template": template(), "hovermode": "closest"})
    figure.add_trace(_diagonal(edges))
    figure.update_layout(title_text=f"{source_name(source)} against target", showlegend=False)
    span = [float(edges[0]), float(edges[-1])]
    figure.update_xaxes(title_text=f"Target, {of.axis}", range=span, constrain="domain")
    figure.update_yaxes(
        title_text=f"Forecast, {of.axis}",
        range=span,
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    return figure


def histogram_figure(of: Distribution) -> go.Figure:
    """Density of the target and of every source, on a logarithmic axis that shows the tails."""
    figure = go.Figure(layout={"template": template()})
    marginals = _marginals(of)
    width = of.edges[1] - of.edges[0]
    middle = (of.edges[:-1] + of.edges[1:]) / 2
    for source, (colour, dash) in source_styles(list(marginals)).items():
        values = marginals[source] / (marginals[source].sum() * width)
        figure.add_trace(
            go.Scatter(
                name=source_name(source),
                x=middle,
                y=np.where(values > 0, values, np.nan),
                mode="lines+markers",
                marker={"size": 3},
                line={
                    "color": colour,
                    "dash": dash,
                    "shape": "hvh",
                    "width": 4 if source == TARGET else 1.8,
                },
                hovertemplate="%{y:.3~g}",
            )
        )
    figure.update_layout(title_text="How often each value comes", showlegend=True, margin_t=100)
    figure.update_xaxes(title_text=of.axis)
    figure.update_yaxes(title_text="Density", type="log", exponentformat="power", dtick=1)
    return figure


def quantile_figure(of: Distribution) -> go.Figure:
    """Quantiles of every source against the target's: off the line they are too low or high."""
    marginals = _marginals(of)
    points = marginals[TARGET].sum()
    # Beyond one point there is no quantile to speak of.
    told = PROBABILITIES[(PROBABILITIES * points >= 1) & ((1 - PROBABILITIES) * points >= 1)]
    observed = quantiles(of.edges, marginals[TARGET], told)
    figure = go.Figure(layout={"template": template(), "hovermode": "closest"})
    figure.add_trace(_diagonal(observed))
    sources = [source for source in marginals if source != TARGET]
    for source, (colour, dash) in source_styles(sources).items():
        figure.add_trace(
            go.Scatter(
                name=source_name(source),
                x=observed,
                y=quantiles(of.edges, marginals[source], told),
                customdata=100 * told,
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 1.8},
                marker={"size": 6},
                hovertemplate="%{customdata:.4~g} % lie below %{x:.4~g} observed, %{y:.4~g} "
                "forecast",
            )
        )
    for probability in (p for p in _TOLD if p in told):
        figure.add_vline(
            x=float(observed[list(told).index(probability)]),
            line={"color": GREY, "width": 1, "dash": "dot"},
            annotation={
                "text": f"{100 * probability:g} %",
                "font": {"size": 10},
                "textangle": -90,
                "yanchor": "top",
            },
        )
    figure.update_layout(title_text="Quantiles against the target's", margin_t=76)
    figure.update_xaxes(title_text=f"Target, {of.axis}")
    figure.update_yaxes(title_text=f"Forecast, {of.axis}")
    return figure


def quantiles(edges: Values, area: Values, probabilities: Values) -> Values:
    """Values below which lie the shares `probabilities` of a histogram, spread within its bins."""
    below = np.concatenate([[0.0], np.cumsum(area)])
    # An empty bin has no quantile: the cumulated area must grow from edge to edge.
    rises = np.concatenate([[True], np.diff(below) > 0])
    rises[:-1] |= np.diff(below) > 0
    found: Values = np.interp(probabilities * below[-1], below[rises], edges[rises])
    return found


def _marginals(of: Distribution) -> dict[str, Values]:
    """Area by bin of the target and of each source that forecasts it."""
    there = {source: area for source, area in of.area.items() if area.any()}
    target = next(iter(there.values())).sum(axis=1)
    return {TARGET: target, **{source: area.sum(axis=0) for source, area in there.items()}}


def _cut(area: Values, edges: Values) -> tuple[Values, Values]:
    """Without the empty bins on either side, the same for both axes."""
    used = np.flatnonzero(area.any(axis=0) | area.any(axis=1))
    if not used.size:
        return area, edges
    first, last = used[0], used[-1] + 1
    return area[first:last, first:last], edges[first : last + 1]


def _diagonal(values: Values) -> go.Scatter:
    ends = [float(values[0]), float(values[-1])]
    return go.Scatter(
        x=ends, y=ends, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
