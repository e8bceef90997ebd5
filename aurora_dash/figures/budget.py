"""What needs how much of a device's memory, as one bar beside what there is."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from aurora_dash.figures.theme import VERMILION, series_style, template

_GIB = 2**30


def budget_figure(parts: Mapping[str, int], there: int | None) -> go.Figure:
    """Bytes by name as one stacked bar, in GiB; a line where `there` bytes end."""
    figure = go.Figure(
        layout={
            "template": template(),
            "barmode": "stack",
            "showlegend": True,
            "legend": {"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom"},
            "margin": {"l": 8, "r": 8, "t": 24, "b": 130},
            "xaxis": {"title": {"text": "GiB"}, "rangemode": "tozero"},
            "yaxis": {"visible": False},
        }
    )
    for index, (name, count) in enumerate(part for part in parts.items() if part[1]):
        colour, dash = series_style(index)
        figure.add_trace(
            go.Bar(
                name=name,
                x=[count / _GIB],
                y=[""],
                orientation="h",
                # Where colours come again, as a line would be dashed.
                marker={"color": colour, "pattern": {"shape": "" if dash == "solid" else "/"}},
                hovertemplate=f"{name}: %{{x:.2f}} GiB<extra></extra>",
            )
        )
    if there is not None:
        figure.add_vline(
            x=there / _GIB,
            line={"color": VERMILION, "width": 2, "dash": "dot"},
            annotation={"text": f"{there / _GIB:.3g} GiB", "yref": "paper", "y": 1.12},
        )
    return figure
