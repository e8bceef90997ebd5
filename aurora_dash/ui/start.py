"""The first page: the way in, what this machine offers, what ran here, what was left unfinished."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from aurora_dash.evaluation.results import RANDOM, SYNTHETIC
from aurora_dash.presets import get_preset
from aurora_dash.runs.launch import launch
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, navigation, runs_view, state, widgets, words
from aurora_dash.ui.cache import draft_store, run_store
from aurora_dash.ui.drafts import Draft
from aurora_dash.ui.state import Selection

_RUNS_SHOWN = 6
_ODD = (RunState.UNRESPONSIVE, RunState.ARRIVING)
_DRAFTS_SHOWN = 3
_LIVE_SECONDS = 2.0
_IDLE_SECONDS = 5.0


def way_in() -> None:
    """The two ways in: the demo, one click from training, and the guided path."""
    with st.container(border=True, key="way-in"):
        words_side, demo_side = st.columns([3, 2], gap="large", vertical_alignment="center")
        with words_side:
            st.title("Fine-tune Aurora, and watch it learn", anchor=False)
            st.markdown(
                "Choose a checkpoint of the weather model and data, add variables of your own, "
                "launch, follow the training live, and judge the result on maps."
            )
            if st.button(
                "Set up a fine-tuning",
                icon=":material/arrow_forward:",
                icon_position="right",
                help="The guided path: Model, Data, Variables, Train, Monitor, Evaluate & maps.",
                key="begin",
            ):
                state.select(Selection.DRAFT, None)
                navigation.go_to("model")
        with demo_side, st.container(gap="xsmall"):
            if st.button(
                "Train the demo now",
                icon=":material/play_arrow:",
                type="primary",
                width="stretch",
                key="demo",
            ):
                launch_demo()
            st.caption(
                "A tiny Aurora with random weights learns synthetic weather: about a minute on a "
                "laptop, no download, no files, no GPU."
            )
            widgets.show_label_texts([SYNTHETIC, RANDOM])


def launch_demo() -> None:
    """Create the demo's run, start it and go to watch it."""
    origin = Origin(kind="preset", name="demo")
    run = run_store().create(get_preset("demo"), origin=origin)
    launch(run)
    navigation.go_to("monitor", run=run.id)


def recent_runs() -> None:
    """The newest runs with their true states, followed while one is under way."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Recent runs", anchor=False)
        navigation.link("compare", "Compare runs", icon=":material/compare_arrows:")
    live = _is_any_live(run_store().list())
    st.fragment(_recent_runs, run_every=_LIVE_SECONDS if live else _IDLE_SECONDS)(was_live=live)


def _is_any_live(runs: Sequence[Run]) -> bool:
    return any(run.status().is_live for run in runs[:_RUNS_SHOWN])


def _recent_runs(*, was_live: bool) -> None:
    with boundary.errors_shown():
        runs = run_store().list()
        if _is_any_live(runs) is not was_live:
            st.rerun()
        if not runs:
            widgets.empty(
                "No runs yet",
                "Runs appear here with state, progress and loss. The demo makes the first one.",
                icon=":material/timeline:",
            )
        for run in runs[:_RUNS_SHOWN]:
            _run_row(run)
        if len(runs) > _RUNS_SHOWN:
            with st.expander(f"{len(runs) - _RUNS_SHOWN} older runs"):
                for run in runs[_RUNS_SHOWN:]:
                    _run_row(run)


def _run_row(run: Run) -> None:
    status = run.status()
    with st.container(border=True, key=f"run-{run.id}", gap="xsmall"):
        name, progress, losses, when = st.columns([4, 3, 3, 2], vertical_alignment="center")
        with name:
            navigation.link("monitor", f"**{runs_view.title(run)}**", run=run.id)
            st.markdown(f"{widgets.state_text(status.state)} {runs_view.labels(run)}")
        progress.markdown(runs_view.progress_text(status))
        losses.markdown(runs_view.loss_text(status))
        when.caption(words.ago(status.created), help=words.moment(status.created))
        if status.reason and (not status.is_live or status.state in _ODD):
            st.caption(boundary.plain(status.reason))


def unfinished() -> None:
    """Drafts that were begun and not launched."""
    drafts = [draft for draft in draft_store().list() if draft.launched_as is None]
    if not drafts:
        return
    st.subheader("Being set up", anchor=False)
    for draft in drafts[:_DRAFTS_SHOWN]:
        _draft_row(draft)


def _draft_row(draft: Draft) -> None:
    spec = draft.spec
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        navigation.link("train", f"**{spec.name}**", draft=draft.id)
        st.caption(
            f"{spec.model.catalogue_entry.title}, {spec.model.source} weights, "
            f"{'synthetic data' if spec.is_demo else 'files'}, edited {words.ago(draft.updated)}"
        )
        st.button(
            "",
            icon=":material/delete:",
            help="Discard this draft",
            key=f"discard-{draft.id}",
            on_click=_discard,
            args=(draft.id,),
        )


@boundary.guarded
def _discard(draft_id: str) -> None:
    if state.selected(Selection.DRAFT) == draft_id:
        state.select(Selection.DRAFT, None)
    draft_store().delete(draft_id)
