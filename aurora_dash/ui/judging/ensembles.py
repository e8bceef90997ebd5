"""Whether an ensemble says how sure it is."""

from __future__ import annotations

import streamlit as st
import xarray as xr

from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import scored_fields, scores_where
from aurora_dash.figures.ensemble import rank_figure
from aurora_dash.figures.scorecard import lead_name
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import choices, curves
from aurora_dash.ui.live_chart import live_chart

RANKS = "rank_frequency"
_HEIGHT = 360
_MEASURES = ("spread_skill", "spread", "crps")


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """Ranks of the target at one lead time, and measures of the ensemble by lead time."""
    del result
    taken = [name for name in _MEASURES if name in table]
    with choices.bar():
        row = choices.field(table)
        lead = choices.lead(table)
        name = choices.measure(taken) if taken else None
        where = choices.place(table, RANKS)
    of = choices.row_name(scored_fields(table)[row])
    shares = scores_where(table, RANKS, where).isel(field=row).sel(lead=lead)
    by_source = {
        str(source): shares.sel(source=source).values
        for source in table["source"].values
        if (shares.sel(source=source) > 0).any()
    }
    if by_source:
        title = f"Rank of the target among the members, {of} at {lead_name(lead)}"
        live_chart(rank_figure(by_source, title=title), key="ranks", height=_HEIGHT)
        st.caption(
            "Flat: the target could be one of the members. Hollow: they spread too little; humped: "
            "too much; a slope: they are too high or too low."
        )
    else:
        widgets.empty(
            f"No ranks of {of}", "No ensemble forecast it here.", icon=":material/equalizer:"
        )
    if name is not None:
        curves.curve(table, name, row, None, where)
