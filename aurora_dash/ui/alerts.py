"""The Monitor page's alerts: what looks wrong, why, and remedies that one click applies."""

from __future__ import annotations

import streamlit as st

from aurora_dash.runs.alerts import Alert, Noticed, Remedy
from aurora_dash.runs.fix import fix, is_fixable
from aurora_dash.runs.launch import launch
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, navigation, runs_view, state
from aurora_dash.ui.boundary import plain
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.state import Selection
from aurora_dash.ui.tasks import tasks

_STOP_SECONDS = 900.0
_FOLLOWING = "following-remedy-of"
_OF_THE_MACHINE = ("cuda", "throughput", "memory")
_ICONS = {"error": ":red[:material/error:]", "warning": ":orange[:material/warning:]"}


def draw(run: Run, status: RunStatus) -> None:
    """Where the run came from, alerts that call for something, and those that are over."""
    _origin(run)
    _follow(run)
    found = runs_view.alerts(run)
    still = [entry for entry in reversed(found) if entry.is_open]
    past = [entry for entry in reversed(found) if not entry.is_open]
    for entry in still:
        _open_alert(run, status, entry)
    if past:
        with st.expander(f"Earlier alerts ({len(past)})", icon=":material/history:"):
            for entry in past:
                _past_alert(run, entry)


def _origin(run: Run) -> None:
    """The run that this one goes on from, if a remedy made it."""
    for event in runs_view.events(run):
        if earlier := event.get("continues"):
            st.caption(plain(str(event.get("message", ""))))
            navigation.link(
                "monitor", "Show the earlier run", icon=":material/undo:", run=str(earlier)
            )
            return


def _open_alert(run: Run, status: RunStatus, entry: Noticed) -> None:
    alert = entry.alert
    with st.container(border=True, gap="xsmall", key=f"alert-{alert.id}"):
        st.markdown(f"{_ICONS[alert.severity]} **{plain(alert.message)}**")
        if alert.explanation:
            st.caption(plain(alert.explanation))
        st.markdown(f":small[**What to do:** {plain(alert.advice)}]")
        if alert.rule in _OF_THE_MACHINE:
            navigation.link("doctor", "Examine this machine", icon=":material/stethoscope:")
        _remedies(run, status, alert)


def _remedies(run: Run, status: RunStatus, alert: Alert) -> None:
    offered = [r for r in alert.remedies if not _comes_too_late(r, status)]
    if not offered:
        return
    busy = tasks("remedy").is_working(run.folder) or not is_fixable(run)
    with st.container(horizontal=True):
        for remedy in offered:
            st.button(
                remedy.label,
                icon=":material/healing:",
                type="primary" if remedy is offered[0] else "secondary",
                help=_help(remedy, status),
                disabled=busy,
                key=f"remedy-{alert.id}-{remedy.key}",
                on_click=_apply,
                args=(run, alert, remedy),
            )


def _comes_too_late(remedy: Remedy, status: RunStatus) -> bool:
    return remedy.start == "here" and status.state is RunState.COMPLETED


def _help(remedy: Remedy, status: RunStatus) -> str:
    stops = "This run is stopped first, saved. " if status.is_live else ""
    return plain(f"{stops}{remedy.explanation} Changes: {', '.join(remedy.assignments)}.")


@boundary.guarded
def _apply(run: Run, alert: Alert, remedy: Remedy) -> None:
    """Have it done on a thread of the server: stopping may take as long as a step does."""
    store = run_store()

    def go_on() -> Run:
        following = fix(store, run, alert, remedy, stop_seconds=_STOP_SECONDS)
        launch(following)
        return following

    st.session_state[_FOLLOWING] = run.id
    tasks("remedy").start(run.folder, go_on)


def _follow(run: Run) -> None:
    """What became of an applied remedy; whoever applied it is taken to the new run."""
    work = tasks("remedy")
    if work.is_working(run.folder):
        st.info("The remedy is being applied: stopping, then going on.", icon=":material/healing:")
    elif problem := work.problem(run.folder):
        boundary.show_error(problem)
    following = work.result(run.folder)
    if isinstance(following, Run) and st.session_state.get(_FOLLOWING) == run.id:
        del st.session_state[_FOLLOWING]
        if following != run:
            state.flash(f"The remedy was applied: training goes on in {following.id}.")
            state.select(Selection.RUN, following.id)
        st.rerun()


def _past_alert(run: Run, entry: Noticed) -> None:
    what = f"over at step {entry.recovered_step}"
    if entry.applied:
        what = f"answered by {entry.applied}"
    st.markdown(f":small[{plain(entry.alert.message)} *({plain(what)})*]")
    if entry.went_on_in not in ("", run.id):
        navigation.link(
            "monitor",
            f"Show the run that goes on: {entry.went_on_in}",
            icon=":material/redo:",
            run=entry.went_on_in,
        )
