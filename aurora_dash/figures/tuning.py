"""Charts that help to choose settings before a run."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from aurora_dash.figures.theme import BLUE, GREY, VERMILION, faint, template


def lr_range_figure(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float | None,
) -> go.Figure:
    """Loss against a rising learning rate, and the rate that it suggests."""
    figure = go.Figure(
        layout={
            "template": template(),
            "title": {"text": "Learning-rate range test"},
            "showlegend": True,
            "xaxis": {"title": {"text": "Learning rate"}, "type": "log", "exponentformat": "power"},
            "yaxis": {"title": {"text": "Normalised loss"}},
        }
    )
    for name, values, colour in (
        ("loss", losses, faint(BLUE, 0.35)),
        ("smoothed", smoothed, BLUE),
    ):
        figure.add_trace(
            go.Scatter(
                name=name,
                x=list(rates),
                y=list(values),
                mode="lines",
                line={"color": colour, "width": 1.5},
                hovertemplate="%{x:.3~g}: %{y:.4~g}",
            )
        )
    if suggestion is not None:
        figure.add_trace(
            go.Scatter(
                name=f"suggested {suggestion:.2g}",
                x=[suggestion, suggestion],
                y=[min(smoothed), max(losses)],
                mode="lines",
                line={"color": VERMILION, "dash": "dot", "width": 2},
                hoverinfo="skip",
            )
        )
    if not rates:
        figure.add_annotation(
            text="Nothing recorded yet",
            font={"color": GREY},
            x=0.5,
            y=0.5,
            xref="paper",
            yref="paper",
            showarrow=False,
        )
    return figure
