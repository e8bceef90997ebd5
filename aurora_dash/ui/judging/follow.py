"""Which evaluation is shown, how far it is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from aurora_dash.evaluation.job import (
    EvaluationState,
    EvaluationStatus,
    get_evaluation,
    list_evaluations,
    stop_evaluation,
)
from aurora_dash.evaluation.status import RolloutStatus
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, state, widgets, words
from aurora_dash.ui.state import Selection

Watched = EvaluationStatus | RolloutStatus

_LIVE_SECONDS = 0.7


def choose(run: Run, evaluations: list[EvaluationStatus]) -> EvaluationStatus | None:
    """The evaluation that the URL selects, else the newest; None while there is none."""
    if not evaluations:
        return None
    by_id = {evaluation.id: evaluation for evaluation in evaluations}
    selected = state.selected(Selection.EVALUATION)
    if selected not in by_id:
        selected = evaluations[0].id
    if len(by_id) == 1:
        return by_id[selected]
    titles = words.distinct({identity: title(status) for identity, status in by_id.items()})
    chosen = st.selectbox(
        "Evaluation",
        list(by_id),
        index=list(by_id).index(selected),
        format_func=titles.__getitem__,
        key=f"evaluation-of-{run.id}-{selected}",
    )
    if chosen != selected:
        state.select(Selection.EVALUATION, chosen)
        st.rerun()
    return by_id[chosen]


def title(status: EvaluationStatus) -> str:
    """What was judged on what, and when, on one line."""
    request = status.request
    if request is None:
        return f"{status.id} · {status.state}"
    if request.data is None:
        data = f"the run's data ({request.split})"
    else:
        data = "the demo" if request.data.source == "demo" else ", ".join(request.data.paths)
    return f"{request.checkpoint} checkpoint on {data} · {words.moment(status.created)}"


def progress(run: Run, status: EvaluationStatus) -> bool:
    """Follow an evaluation on its way and say how it ended; True if it is complete."""
    if status.state.is_live:
        watch(
            partial(get_evaluation, run, status.id),
            partial(stop_evaluation, run, status.id),
            kept="nothing is",
            key="stop-evaluation",
        )
        return False
    reason, remedy = boundary.plain(status.reason), boundary.plain(status.remedy)
    text = f"{reason}\n\n**What to do:** {remedy}" if remedy else reason
    if status.state is EvaluationState.FAILED:
        st.error(text or "The evaluation failed.", icon=":material/error:")
    elif status.state is EvaluationState.INTERRUPTED:
        st.warning(text or "The evaluation was interrupted.", icon=":material/power_off:")
    elif status.state is EvaluationState.STOPPED:
        st.info(text or "The evaluation was stopped.", icon=":material/stop_circle:")
    return status.state is EvaluationState.COMPLETED


def watch(look: Callable[[], Watched], stop: Callable[[], None], *, kept: str, key: str) -> None:
    """How far work is, looked at again and again, and a button of that `key` to stop it.

    `kept` says what a stop leaves.
    """
    st.fragment(_progress, run_every=_LIVE_SECONDS)(look, stop, kept, key)


def _progress(look: Callable[[], Watched], stop: Callable[[], None], kept: str, key: str) -> None:
    with boundary.errors_shown():
        status = look()
        if not status.state.is_live:
            st.rerun()
        st.progress(status.fraction_done or 0.0, text=_progress_text(status))
        st.button(
            "Stop",
            icon=":material/stop:",
            help=f"Stops before the next forecast step; {kept} kept.",
            key=key,
            on_click=boundary.guarded(stop),
        )


def _progress_text(status: Watched) -> str:
    """How far work is and how long the rest will take, as far as that is known."""
    if status.state is EvaluationState.QUEUED:
        return "Waiting for other work with a checkpoint to end"
    if not status.total:
        return "Opening the data and loading the models"
    left = "" if status.seconds_left is None else f", {words.duration(status.seconds_left)} left"
    return f"{status.done:,} / {status.total:,} forecast steps{left}"


def nothing_yet() -> None:
    """What stands where results will be."""
    widgets.empty(
        "No evaluation of this run yet",
        "Start one above. Scores beside persistence and maps of prediction, target and error "
        "appear here.",
        icon=":material/query_stats:",
    )


def all_of(run: Run) -> list[EvaluationStatus]:
    """All evaluations of a run, newest first."""
    return list_evaluations(run)
