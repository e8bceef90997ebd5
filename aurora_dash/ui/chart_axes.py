"""What charts of metrics run along: steps, epochs or minutes."""

from __future__ import annotations

from aurora_dash.runs.columns import FloatArray
from aurora_dash.runs.metrics import MetricsTable

AXES = {"Step": "step", "Epoch": "epoch", "Minutes": "time"}
"""Titles of the axes, and the column behind each."""
SMOOTHINGS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)


def places(table: MetricsTable, axis: str, split: str) -> FloatArray:
    """Where the records of a split lie along an axis; minutes count from the first record."""
    values = table.column(AXES[axis], split)
    if axis != "Minutes":
        return values
    minutes: FloatArray = (values - first_time(table)) / 60
    return minutes


def first_time(table: MetricsTable) -> float:
    """When the first record of all splits was written, in seconds since 1970."""
    starts = [c[0] for s in table.splits if (c := table.column("time", s)).size]
    return float(min(starts, default=0.0))
