"""The Compare page, part by part."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from aurora_dash.runs.overview import Overview, overview_of
from aurora_dash.ui import boundary, widgets, words
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.comparing import choose, curves, keep, results

_NONE = ""
_LOOK_SECONDS = 5.0


def show() -> None:
    """Choose runs, and look at them beside each other."""
    everything = [overview_of(run) for run in run_store().list()]
    st.fragment(_watch, run_every=_LOOK_SECONDS)(_states(everything))
    if not everything:
        widgets.empty(
            "No runs to compare yet",
            "Two trainings of the demo with different learning rates make a first comparison.",
            icon=":material/compare_arrows:",
        )
        keep.trash()
        return
    found = choose.filtered(everything)
    compared = choose.chosen(everything)
    st.caption(
        f"{words.several(len(found), 'run')} of {len(everything)}; "
        f"{len(compared)} compared: the rows that are ticked. The address of this page holds the "
        "whole view and can be sent to a colleague who sees the same runs."
    )
    choose.table(found, compared)
    if compared:
        _compared(compared, everything)
    keep.trash()


def _states(everything: Sequence[Overview]) -> dict[str, str]:
    return {overview.id: overview.status.in_words for overview in everything}


def _watch(before: dict[str, str]) -> None:
    """Draw the page anew once runs came, went, or are in another state."""
    with boundary.errors_shown():
        if {run.id: run.status().in_words for run in run_store().list()} != before:
            st.rerun()


def _compared(compared: Sequence[Overview], everything: Sequence[Overview]) -> None:
    baseline = _baseline(compared)
    curves.show(compared, baseline)
    st.subheader("Results", anchor=False)
    results.losses(compared, baseline)
    results.scores(compared)
    st.subheader("What differs", anchor=False)
    results.differences(compared, baseline)
    st.subheader("Settings and results", anchor=False)
    results.parallel(compared)
    st.subheader("The runs", anchor=False)
    keep.each(compared, everything)


def _baseline(compared: Sequence[Overview]) -> str | None:
    """The run that the others are measured against, if one is pinned."""
    titles = {_NONE: "none"} | choose.titles(compared)
    pinned = st.selectbox(
        "Baseline",
        list(titles),
        format_func=titles.__getitem__,
        help="Drawn grey and broad; the others' results and specs are shown against it.",
        key="baseline",
        bind="query-params",
    )
    return pinned or None
