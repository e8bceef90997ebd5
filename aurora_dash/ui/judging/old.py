"""What became of the variables that the model had before a run added new ones."""

from __future__ import annotations

import streamlit as st

from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.ui import boundary
from aurora_dash.ui.judging import choices

_ROWS = "rows"
_ALL, _HAD, _ADDED = "all", "had before", "added"


def panel(result: EvaluationResult) -> None:
    """Fields of untouched variables that got better and worse; nothing for other runs."""
    old = result.summary.old_variables
    if old is None:
        return
    with st.container(border=True):
        st.markdown("**Did the variables it had before suffer?**")
        better, worse, worst = st.columns([1, 1, 2])
        for column, words, count, surely in (
            (better, "Fields better", old.better, old.surely_better),
            (worse, "Fields worse", old.worse, old.surely_worse),
        ):
            more = None if surely is None else f"{surely} by more than chance"
            column.metric(words, count, delta=more, delta_color="off", delta_arrow="off")
        if old.worst is not None:
            where = "" if old.worst.level is None else f" {old.worst.level:g}"
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
        if old.added:
            st.button(
                "Show them on the scorecard",
                icon=":material/grid_on:",
                key="show-old",
                on_click=_show,
            )


def _show() -> None:
    """The fields behind the numbers, on the scorecard."""
    st.session_state[choices.MEASURE] = "rmse"
    st.session_state[choices.REFERENCE] = "initial"
    st.session_state[_ROWS] = _HAD


def choose_rows(result: EvaluationResult) -> str:
    """Whether all fields, or those it had before, or those that were added; all of other runs."""
    old = result.summary.old_variables
    if old is None or not old.added:
        return _ALL
    return str(choices.one("Variables", [_ALL, _HAD, _ADDED], _ROWS))


def is_kind(result: EvaluationResult, kind: str, variable: str) -> bool:
    """Whether a variable is among those that `choose_rows` chose."""
    old = result.summary.old_variables
    if kind == _ALL or old is None:
        return True
    # A wind vector is named after both of its components.
    is_added = any(name in old.added for name in variable.split("+"))
    return is_added == (kind == _ADDED)
