"""What became of the variables that the model had before a run added new ones."""

from __future__ import annotations

import streamlit as st

from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.ui import boundary


def panel(result: EvaluationResult) -> None:
    """Fields of untouched variables that got better and worse; nothing for other runs."""
    old = result.summary.old_variables
    if old is None:
        return
    with st.container(border=True):
        st.markdown("**Variables it had before**")
        better, worse, worst = st.columns([1, 1, 2])
        better.metric("Fields better", old.better)
        worse.metric("Fields worse", old.worse)
        if old.worst is not None:
            where = "" if old.worst.level is None else f" at {old.worst.level:g} hPa"
            worst.metric(
                "Worst change of the RMSE",
                f"{old.worst.percent:+.1f} %",
                delta=boundary.plain(f"{old.worst.variable}{where}, {old.worst.lead_hours} h"),
                delta_color="off",
                delta_arrow="off",
            )
        st.caption(
            "This run added variables. Root mean square errors of all others, by variable, level, "
            "lead time and region, against the model before fine-tuning."
        )
