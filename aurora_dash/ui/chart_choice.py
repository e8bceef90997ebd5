"""Which of many curves the Monitor's charts show: a few at first, the others to be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui import run_charts, work_charts
from aurora_dash.ui.chart_curves import Split, View

_MOST = 8
_LOOKED_AT = 1000
_SPLITS: tuple[Split, ...] = ("train", "validation")


def losses(table: MetricsTable, view: View) -> View:
    """Whose losses, training's or validation's, and of which variables."""
    there = [split for split in _SPLITS if run_charts.by_variable(table.names(split))]
    split = there[0] if there else "train"
    if len(there) > 1:
        split = st.segmented_control(
            "Losses of",
            there,
            format_func=run_charts.SPLIT_WORDS.__getitem__,
            default=there[0],
            required=True,
            key="of",
            bind="query-params",
        )
    columns = run_charts.by_variable(table.names(split))
    chosen = _some(
        "Variables", "variables", list(columns), lambda v: _first(table, columns[v], split)
    )
    return replace(view, split=split, variables=chosen)


def groups(table: MetricsTable, view: View) -> View:
    """Of which groups of parameters and new variables."""
    names = work_charts.groups_of(table)
    chosen = _some(
        "Groups and new variables",
        "groups",
        names,
        # Groups before their variables.
        lambda name: float("inf") if "/" not in name else _first(table, [work_charts.NORM + name]),
    )
    return replace(view, groups=chosen)


def _some(
    label: str, key: str, names: Sequence[str], size: Callable[[str], float]
) -> tuple[str, ...] | None:
    """The chosen ones of more than a chart can show, the largest at first; None: all of few."""
    if len(names) <= _MOST:
        return None
    largest = sorted(names, key=size, reverse=True)[:_MOST]
    chosen = st.multiselect(
        label,
        names,
        default=largest,
        key=key,
        bind="query-params",
        help=f"The {_MOST} of {len(names)} that were the largest at first, until you choose.",
    )
    return tuple(chosen)


def _first(table: MetricsTable, columns: Sequence[str], split: Split = "train") -> float:
    """The first value that was recorded, a mean over columns: it never changes as a run grows."""
    values = [table.column(name, split)[:_LOOKED_AT] for name in columns]
    found = [float(there[0]) for v in values if (there := v[np.isfinite(v)]).size]
    return float(np.mean(found)) if found else 0.0
