"""Charts of training on forecasts of several steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from aurora_dash.figures.curves import Curve, Plan, curves_figure
from aurora_dash.figures.theme import BLUE, faint, template

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


def lead_losses_figure(
    curves: Mapping[int, Curve], *, log_y: bool = False, x_title: str = "Step"
) -> Plan:
    """Validation loss by lead time in hours, shortest first."""
    return curves_figure(
        {f"{hours} h": curves[hours] for hours in sorted(curves)},
        title="Validation loss by lead time",
        y_title="Normalised loss",
        x_title=x_title,
        log_y=log_y,
        markers=True,
    )
