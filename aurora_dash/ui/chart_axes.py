"""What charts of metrics run along: steps, epochs, minutes or the clock."""

from __future__ import annotations

from typing import TypeVar

import plotly.graph_objects as go

from aurora_dash.figures.curves import Plan
from aurora_dash.runs.columns import FloatArray
from aurora_dash.runs.metrics import MetricsTable

AXES = {"Step": "step", "Epoch": "epoch", "Minutes": "time", "UTC": "time"}
"""The axes, and the column behind each."""
TITLES = {
    "Step": "Step",
    "Epoch": "Epoch",
    "Minutes": "Minutes since the first record",
    "UTC": "Time (UTC)",
}
SMOOTHINGS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)

_CLOCK = "UTC"
_MILLISECONDS = 1000.0
_Numbers = TypeVar("_Numbers", float, FloatArray)
_Figure = TypeVar("_Figure", go.Figure, Plan)


def placed(table: MetricsTable, axis: str, values: _Numbers) -> _Numbers:
    """Where values of an axis's column lie along it: minutes count from the first record, the
    clock in milliseconds since 1970, as Plotly has it."""
    if axis == "Minutes":
        return (values - first_time(table)) / 60
    return values * _MILLISECONDS if axis == _CLOCK else values


def recorded(table: MetricsTable, axis: str, place: float) -> float:
    """The value of the column at a place along the axis."""
    if axis == "Minutes":
        return first_time(table) + 60 * place
    return place / _MILLISECONDS if axis == _CLOCK else place


def places(table: MetricsTable, axis: str, split: str) -> FloatArray:
    """Where the records of a split lie along an axis."""
    return placed(table, axis, table.column(AXES[axis], split))


def first_time(table: MetricsTable) -> float:
    """When the first record of all splits was written, in seconds since 1970."""
    starts = [c[0] for s in table.splits if (c := table.column("time", s)).size]
    return float(min(starts, default=0.0))


def show_clock(figure: _Figure, axis: str) -> _Figure:
    """Have a figure read its places as moments if the axis is the clock; the figure itself."""
    if axis == _CLOCK:
        along = figure.frame["xaxis"] if isinstance(figure, Plan) else figure.layout["xaxis"]
        along["type"] = "date"
        along["hoverformat"] = "%Y-%m-%d %H:%M:%S UTC"
    return figure
