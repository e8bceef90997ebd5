"""What was judged on what, with the labels and warnings a reader needs."""

from __future__ import annotations

import streamlit as st

from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.ui import boundary, widgets


def draw(result: EvaluationResult) -> None:
    """A line of facts, and what to beware of."""
    summary = result.summary
    widgets.show_label_texts(widgets.summary_labels(summary))
    north, south = summary.latitudes
    west, east = summary.longitudes
    st.caption(
        f"{boundary.plain(summary.checkpoint)} · {summary.num_samples} forecasts, valid "
        f"{summary.first_valid_time} to {summary.last_valid_time} · {summary.height} × "
        f"{summary.width} points, {north:g}° to {south:g}° north, {west:g}° to {east:g}° east · "
        "scores are weighted by area"
    )
    warnings = [boundary.plain(warning) for warning in summary.warnings]
    if warnings:
        text = warnings[0] if len(warnings) == 1 else "\n".join(f"- {each}" for each in warnings)
        st.warning(text, icon=":material/warning:")
