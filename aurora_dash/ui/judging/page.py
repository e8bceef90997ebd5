"""The results of one complete evaluation."""

from __future__ import annotations

import streamlit as st

from aurora_dash.evaluation.job import load_evaluation
from aurora_dash.runs.store import Run
from aurora_dash.ui.judging import maps, old, report, scores


def results(run: Run, evaluation_id: str) -> None:
    """What was judged, its scores, its maps."""
    result = load_evaluation(run, evaluation_id)
    scores.about(result)
    report.downloads(result)
    st.subheader("Scores", anchor=False)
    old.panel(result)
    scores.table(result)
    st.subheader("Maps", anchor=False)
    maps.draw(run, result)
