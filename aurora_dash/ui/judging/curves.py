"""A score against lead time, and the change against a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import (
    change_interval,
    scorecard,
    scorecard_measures,
    scored_fields,
    scores_where,
)
from aurora_dash.figures.scores import Change, score_by_lead_figure
from aurora_dash.figures.sources import source_in_text
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import choices
from aurora_dash.ui.live_chart import live_chart

_HEIGHT, _WITH_CHANGE = 360, 500


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """Any score of any field, by lead time."""
    del result
    with choices.bar():
        name = choices.measure([name for name in MEASURES if name in table])
        row = choices.field(table, name)
        has_change = name in scorecard_measures(table) and table.sizes["source"] > 1
        reference = choices.reference(table) if has_change else None
        where = choices.place(table, name)
    curve(table, name, row, reference, where)


def curve(
    table: xr.Dataset, name: str, row: int, reference: str | None, where: Mapping[str, Any]
) -> None:
    """The score of one row by lead time, of all sources."""
    rule, of = MEASURES[name], scored_fields(table, name)[row]
    scores = scores_where(table, name, where)
    [axis] = {"field", "wind", "event"} & {*map(str, scores.dims)}
    scores = scores.isel({axis: row})
    values = {str(source): scores.sel(source=source).values for source in table["source"].values}
    title = f"{choices.measure_name(name)} of {choices.row_name(of)}"
    if not any(np.isfinite(found).any() for found in values.values()):
        widgets.empty(
            f"No {title}",
            "It is not defined here: there was no point, no variation or no event.",
            icon=":material/show_chart:",
        )
        return
    change = None if reference is None else _change(table, name, row, reference, where)
    figure = score_by_lead_figure(
        [int(lead) for lead in table["lead"].values],
        values,
        title=title,
        measure=choices.measure_name(name),
        unit=rule.unit(of.unit),
        best=rule.best,
        change=change,
    )
    live_chart(figure, key="curve", height=_HEIGHT if change is None else _WITH_CHANGE)
    st.caption(_words(rule.best, change))


def _change(
    table: xr.Dataset, name: str, row: int, reference: str, where: Mapping[str, Any]
) -> Change | None:
    percent = scorecard(table, name, reference, **where).percent[row]
    if not np.isfinite(percent).any():
        return None
    interval = change_interval(table, name, reference, where)
    if interval is None or not np.isfinite(interval[0][row]).any():
        return Change(reference=reference, percent=percent)
    return Change(reference=reference, percent=percent, low=interval[0][row], high=interval[1][row])


def _words(best: float | None, change: Change | None) -> str:
    words = [] if best is None else [f"A perfect forecast has {best:g}."]
    if change is not None:
        against = source_in_text(change.reference)
        words.append(f"Below: how much farther from that than {against}; below zero is better.")
        if change.low is not None:
            words.append(
                "The band is its interval by block bootstrap: where zero lies in it, it may be "
                "chance."
            )
    return " ".join(words)
