"""How forecasts and targets are distributed together, and whether extremes are forecast."""

from __future__ import annotations

import streamlit as st
import xarray as xr

from aurora_dash.evaluation.histograms import has_histograms, read_joint
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import scored_fields
from aurora_dash.figures.distribution import (
    Distribution,
    density_figure,
    histogram_figure,
    quantile_figure,
)
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.scorecard import lead_name
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import choices
from aurora_dash.ui.live_chart import live_chart

_HEIGHT, _LOW = 480, 360


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """One field at one lead time."""
    if not has_histograms(result.folder):
        widgets.empty(
            "No distributions were kept",
            "Evaluate with Distributions switched on, under Scores and comparisons.",
            icon=":material/scatter_plot:",
        )
        return
    with choices.bar():
        of = scored_fields(table)[choices.field(table)]
        lead = choices.lead(table)
        joint = read_joint(result.folder, of.variable, of.level, lead)
        known = {source: area for source, area in joint.area.items() if area.any()}
        source = choices.source(list(known)) if known else None
    if source is None:
        widgets.empty(
            f"No distribution of {choices.row_name(of)}",
            "No forecast of it met a target at this lead time.",
            icon=":material/scatter_plot:",
        )
        return
    distribution = Distribution(
        edges=joint.edges, area=known, axis=f"{choices.row_name(of)} [{pretty_unit(of.unit)}]"
    )
    left, right = st.columns(2)
    with left:
        live_chart(density_figure(distribution, source), key="density", height=_HEIGHT)
    with right:
        live_chart(quantile_figure(distribution), key="quantiles", height=_HEIGHT)
    live_chart(histogram_figure(distribution), key="histogram", height=_LOW)
    st.caption(
        "All points of all forecasts over the whole grid, weighted by area, at "
        f"{lead_name(lead)}. A quantile off the line is forecast too low (below it) or too high; "
        "its ends are the extremes."
    )
