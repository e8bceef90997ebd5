"""Forecasts at one place over time, beside what came true."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.theme import BLUE, GREY, PURPLE, VERMILION, template
from aurora_dash.variables import Variable

_LOOKS = {
    "prediction": {"color": BLUE, "width": 2},
    "target": {"color": VERMILION, "width": 2},
    "persistence": {"color": GREY, "width": 1.5, "dash": "dash"},
}
_OTHER = {"color": PURPLE, "width": 2, "dash": "dot"}


def forecast_series_figure(
    times: ArrayLike, lines: Mapping[str, ArrayLike], variable: Variable, title: str
) -> go.Figure:
    """Values (T,) of each line in the variable's unit against valid times (T,, UTC).

    ``prediction``, ``target`` and ``persistence`` always look alike; gaps stay gaps.
    """
    unit = "" if variable.unit == "1" else pretty_unit(variable.unit)
    traces = [
        go.Scatter(
            name=name.capitalize() if name in _LOOKS else name,
            x=times,
            y=values,
            mode="lines+markers",
            line=_LOOKS.get(name, _OTHER),
            marker={"size": 5},
            connectgaps=False,
            hovertemplate=f"%{{y:.6~g}} {unit}",
        )
        for name, values in lines.items()
    ]
    return go.Figure(
        data=traces,
        layout={
            "template": template(),
            "title": {"text": title},
            "showlegend": True,
            "xaxis": {"title": {"text": "Valid time (UTC)"}},
            "yaxis": {"title": {"text": unit or variable.long_name}},
        },
    )
