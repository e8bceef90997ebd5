"""The Monitor page: which run is shown, and looking at it again and again while it is open."""

from __future__ import annotations

import streamlit as st

from aurora_dash.runs.store import Run
from aurora_dash.runs.thread import is_training_here
from aurora_dash.ui import (
    alerts,
    arrivals,
    boundary,
    load_report,
    monitor_charts,
    monitor_log,
    monitor_sample,
    monitor_status,
    navigation,
    provenance,
    runs_view,
    state,
    widgets,
)
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.pacing import lookers
from aurora_dash.ui.state import Selection

IDLE_SECONDS = 5.0
"""How often a run that rests is looked at: somebody may resume it from a shell."""


def choose_run() -> Run | None:
    """The run that is shown, chosen from all; None while there is none."""
    arrivals.watch()
    runs = run_store().list()
    if not runs:
        widgets.empty(
            "Nothing to watch yet",
            "Launch the demo from the first page, or set up a fine-tuning of your own.",
            icon=":material/monitoring:",
        )
        return None
    notice = st.container()
    titles = runs_view.choices(runs)
    ids = list(titles)
    selected = state.selected(Selection.RUN)
    if selected not in ids:
        if selected:
            notice.warning(
                f"The run {boundary.plain(selected)} is not here any more; the newest is shown."
            )
        state.select(Selection.RUN, ids[0])
        selected = ids[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.selectbox(
            "Run",
            ids,
            index=ids.index(selected),
            format_func=titles.__getitem__,
            key=f"run-of-{selected}",
            label_visibility="collapsed",
        )
        navigation.link("compare", "Compare", icon=":material/compare_arrows:")
    if chosen != selected:
        state.select(Selection.RUN, chosen)
        st.rerun()
    return run_store().get(chosen)


def follow(run: Run) -> None:
    """State, controls, charts and log of a run, kept up to date while the page is open."""
    live = run.status().is_live
    every = _seconds(live=live)
    st.fragment(_look, run_every=every)(run, was_live=live, every=every)
    monitor_sample.follow(run, every)


def _seconds(*, live: bool) -> float:
    """How often this page is to look from now on."""
    if not live:
        return IDLE_SECONDS
    return lookers().seconds(state.page_id(), trained_here=is_training_here())


def _look(run: Run, *, was_live: bool, every: float) -> None:
    with boundary.errors_shown():
        status = run.status()
        if status.is_live is not was_live or _seconds(live=was_live) != every:
            st.rerun()
        # Places first: what one part draws never moves the parts after it.
        places = [st.container() for _ in range(5)]
        with places[0]:
            monitor_status.draw(run, status)
        with places[1]:
            alerts.draw(run, status)
        with places[2]:
            monitor_charts.draw(run)
        with places[3]:
            load_report.show(run)
            provenance.history(run)
        with places[4]:
            monitor_log.draw(run)
