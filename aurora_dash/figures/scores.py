"""Scores against lead time: a line for each source, and the change against a reference below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.sources import source_in_text, source_name, source_styles
from aurora_dash.figures.theme import BLUE, GREY, faint, template

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Change:
    """How much better than a reference, by lead; below zero is better."""

    reference: str
    percent: Values
    low: Values | None = None
    high: Values | None = None
    """Ends of its interval."""


def score_by_lead_figure(
    lead_hours: Sequence[int],
    scores: Mapping[str, Values],
    *,
    title: str,
    measure: str,
    unit: str,
    best: float | None = None,
    change: Change | None = None,
) -> go.Figure:
    """A score by source (leads,), and the change of the first against a reference beneath it.

    `best` is the value of a perfect forecast, if there is one. A source that has no value at all is
    left out. Plots by lead share their axis.
    """
    rows = 2 if change is not None else 1
    figure = make_subplots(
        rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[2, 1][:rows]
    )
    hours = np.asarray(lead_hours, np.float64)
    for source, (colour, dash) in source_styles(list(scores)).items():
        values = scores[source]
        if not np.isfinite(values).any():
            continue
        figure.add_trace(
            go.Scatter(
                name=source_name(source),
                x=hours,
                y=values,
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate="%{y:.4~g}",
            ),
            row=1,
            col=1,
        )
    figure.update_layout(
        template=template(), title_text=title, showlegend=True, margin={"t": 76, "b": 44}
    )
    named = measure if unit == "1" else f"{measure} [{pretty_unit(unit)}]"
    figure.update_yaxes(title_text=named, rangemode="tozero" if best == 0 else "normal", row=1)
    if change is not None:
        _add_change(figure, hours, change)
    figure.update_xaxes(**_lead_axis(hours))
    figure.update_xaxes(title_text="Lead time [h]", row=rows)
    return figure


def _add_change(figure: go.Figure, hours: Values, change: Change) -> None:
    if change.low is not None and change.high is not None:
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([hours, hours[::-1]]),
                y=np.concatenate([change.high, change.low[::-1]]),
                mode="lines",
                fill="toself",
                fillcolor=faint(BLUE, 0.2),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            ),
            row=2,
            col=1,
        )
    figure.add_trace(
        go.Scatter(
            x=hours,
            y=change.percent,
            mode="lines+markers",
            line={"color": BLUE, "width": 2},
            showlegend=False,
            hovertemplate="%{y:+.1f} %<extra></extra>",
            error_y=_whiskers(change) if hours.size == 1 else None,
        ),
        row=2,
        col=1,
    )
    figure.add_hline(y=0, line={"color": GREY, "width": 1}, row=2, col=1)
    against = source_in_text(change.reference)
    figure.update_yaxes(title_text=f"% to {against}", rangemode="tozero", row=2)


def _whiskers(change: Change) -> dict[str, object] | None:
    """The interval of a single lead time, of which no band can be drawn."""
    if change.low is None or change.high is None:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": change.high - change.percent,
        "arrayminus": change.percent - change.low,
    }


def _lead_axis(hours: Values) -> dict[str, object]:
    """Ticks at the lead times themselves, or at some of them where there are many."""
    every = max(1, -(-hours.size // 12))
    return {"tickvals": hours[::every], "zeroline": False}
