"""Charts of training on forecasts of several steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from aurora_dash.figures.theme import BLUE, faint, series_style, template
from aurora_dash.figures.training import Curve

_DAY = 24


def forecast_length_figure(
    stages: Sequence[tuple[int, int]], *, total_steps: int, lead_hours: int
) -> go.Figure:
    """How long forecasts are over a training of `total_steps` steps.

    `stages` are pairs (first 0-based training step, steps of a forecast), in order, of `lead_hours`
    each.
    """
    begun = [stage for stage in stages if stage[0] < total_steps]
    steps = [first + 1 for first, _ in begun]
    hours = [length * lead_hours for _, length in begun]
    in_days = max(hours) > 2 * _DAY
    longest = [value / _DAY if in_days else value for value in hours]
    unit = "days" if in_days else "h"
    figure = go.Figure(
        go.Scatter(
            x=[*steps, total_steps],
            y=[*longest, longest[-1]],
            mode="lines",
            line={"shape": "hv", "color": BLUE, "width": 2},
            fill="tozeroy",
            fillcolor=faint(BLUE, 0.2),
            name="longest forecast",
            hovertemplate=f"from step %{{x}}: up to %{{y:g}} {unit}<extra></extra>",
        )
    )
    figure.update_layout(
        template=template(),
        title={"text": "Longest forecast trained on"},
        showlegend=False,
        xaxis={"title": {"text": "Step"}},
        yaxis={"title": {"text": unit.capitalize() if in_days else "Hours"}, "rangemode": "tozero"},
    )
    return figure


def lead_losses_figure(curves: Mapping[int, Curve], *, x_title: str = "Step") -> go.Figure:
    """Validation loss by lead time in hours, shortest first."""
    figure = go.Figure(
        layout={
            "template": template(),
            "title": {"text": "Validation loss by lead time"},
            "showlegend": True,
            "xaxis": {"title": {"text": x_title}},
            "yaxis": {"title": {"text": "Loss"}},
        }
    )
    for index, hours in enumerate(sorted(curves)):
        x, y = curves[hours]
        colour, dash = series_style(index)
        figure.add_trace(
            go.Scatter(
                x=x,
                y=np.asarray(y, dtype=np.float32),
                name=f"{hours} h",
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 1.5},
                marker={"size": 5},
                hovertemplate="%{y:.4~g}",
            )
        )
    return figure
