"""A variable over time, at one place."""

from __future__ import annotations

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.theme import BLUE, template
from aurora_dash.variables import Variable


def series_figure(times: ArrayLike, values: ArrayLike, variable: Variable, title: str) -> go.Figure:
    """Values (T,) in the variable's unit against valid times (T,, UTC); gaps stay gaps."""
    unit = "" if variable.unit == "1" else pretty_unit(variable.unit)
    line = go.Scatter(
        x=times,
        y=values,
        mode="lines+markers",
        line={"color": BLUE, "width": 1.5},
        marker={"size": 4},
        connectgaps=False,
        hovertemplate=f"%{{y:.6~g}} {unit}<extra></extra>",
    )
    return go.Figure(
        data=[line],
        layout={
            "template": template(),
            "title": {"text": title},
            "xaxis": {"title": {"text": "Valid time (UTC)"}},
            "yaxis": {"title": {"text": unit or variable.long_name}},
            "showlegend": False,
        },
    )
