"""What a person can do with a run, and which of it is offered in which state."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from aurora_dash.runs.control import Action
from aurora_dash.runs.ending import continue_process, end_process
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.runs.watchdog import patience_seconds
from aurora_dash.spec import RunSpec
from aurora_dash.ui import (
    boundary,
    editor,
    exports,
    last_words,
    navigation,
    queue,
    runs_view,
    state,
    words,
)
from aurora_dash.ui.boundary import plain
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.resuming import resume_buttons
from aurora_dash.ui.state import Selection


@dataclass(frozen=True)
class Control:
    """One request that can be made of a live run."""

    action: Action
    label: str
    icon: str
    help: str


PAUSE = Control(Action.PAUSE, "Pause", ":material/pause:", "Wait after this step; go on later.")
RESUME = Control(Action.RESUME, "Go on", ":material/play_arrow:", "Go on where it waits.")
SAVE = Control(Action.SAVE, "Save now", ":material/save:", "Write a checkpoint after this step.")
STOP = Control(
    Action.STOP,
    "Stop",
    ":material/stop:",
    "Finish the step, save a checkpoint and free the memory. It can be resumed.",
)
LEAVE = Control(Action.STOP, "Take out of the queue", ":material/close:", "Do not train it.")

CONTROLS: dict[RunState, tuple[Control, ...]] = {
    RunState.QUEUED: (LEAVE,),
    RunState.STARTING: (STOP,),
    RunState.RUNNING: (PAUSE, SAVE, STOP),
    RunState.PAUSED: (RESUME, SAVE, STOP),
    RunState.STOPPING: (STOP,),
}
_ENDED_BADLY = (RunState.FAILED, RunState.INTERRUPTED)
_PATIENT_SECONDS = 10.0
_AT_HAND = {
    RunState.RUNNING: "the step at hand to end and the checkpoint to be saved",
    RunState.QUEUED: "it to leave the queue",
}
_ACKNOWLEDGED = {
    Action.PAUSE: "Pausing: finishing the step.",
    Action.RESUME: "Going on.",
    Action.SAVE: "Saving a checkpoint after this step.",
    Action.EVALUATE: "Evaluating after this step.",
}


def offered(status: RunStatus) -> tuple[Control, ...]:
    """The requests that make sense now; none to a run that nobody owns."""
    return CONTROLS.get(status.state, ()) if status.owner else ()


def acknowledgement(status: RunStatus, asked: frozenset[Action]) -> str:
    """What was asked and is not done yet, in words; empty if nothing is waiting."""
    if not status.is_live:
        return ""
    if status.state is RunState.STOPPING or Action.STOP in asked:
        waits = _AT_HAND.get(status.state) or status.waiting_for
        return f"Stopping: waiting for {waits}." if waits else "Stopping."
    return " ".join(_ACKNOWLEDGED[action] for action in Action if action in asked)


def controls(run: Run, status: RunStatus) -> None:
    """Buttons for the requests that make sense now, and what was asked already."""
    if status.state is RunState.UNRESPONSIVE:
        _reach(run, status)
        return
    asked = runs_view.asked_for(run)
    stopping = status.state is RunState.STOPPING or Action.STOP in asked
    with st.container(horizontal=True, vertical_alignment="center"):
        for control in offered(status):
            st.button(
                control.label,
                icon=control.icon,
                help=control.help,
                key=f"control-{control.action}",
                disabled=stopping or control.action in asked,
                on_click=_request,
                args=(run, control.action),
            )
        if status.queue_place and not stopping:
            queue.reorder(run.folder, status.queue_place, named=True)
        message = acknowledgement(status, asked)
        if message:
            st.markdown(f":orange[:material/hourglass_top: {plain(message)}]")
    if stopping:
        _hurry(run, status)


def _hurry(run: Run, status: RunStatus) -> None:
    """How long a stop has been waited for, what comes next by itself, and what a person can do."""
    owner, since = status.owner, runs_view.asked_to_stop(run)
    if owner is None or since is None:
        return
    waited = time.time() - since
    if waited < _PATIENT_SECONDS:
        return
    told = f"Asked {words.duration(waited)} ago."
    if status.supervisor:
        patience = patience_seconds()
        told += (
            f" After {words.duration(patience)} without progress it is asked once more by a "
            f"signal, and its processes are ended {words.duration(patience / 2)} later."
        )
    elif owner.kind == "thread":
        told += (
            f" It is trained by the server itself ({owner}), which is not ended for one run: "
            "should this never end, restart the server."
        )
    st.caption(plain(told))
    if owner.kind == "process" and owner.pid_means_something_here:
        _end_popover(run)


def _end_popover(run: Run) -> None:
    with st.popover("End its process", icon=":material/dangerous:"):
        st.markdown("What it did since its last checkpoint is lost. It can be resumed.")
        st.button("End it now", type="primary", key="end", on_click=_end, args=(run,))


def _reach(run: Run, status: RunStatus) -> None:
    """What can be done with a process that does not answer."""
    owner = status.owner
    if owner is None or not owner.pid_means_something_here:
        return
    with st.container(horizontal=True):
        if owner.is_halted:
            st.button(
                "Continue its process",
                icon=":material/play_arrow:",
                type="primary",
                help=f"Let {owner} go on (SIGCONT).",
                key="continue-process",
                on_click=_continue,
                args=(run,),
            )
        if owner.kind == "process":
            _end_popover(run)


@boundary.guarded
def _continue(run: Run) -> None:
    continue_process(run)


@boundary.guarded
def _end(run: Run) -> None:
    end_process(run)


@boundary.guarded
def _request(run: Run, action: Action) -> None:
    run.request(action)


def ways_on(run: Run, status: RunStatus) -> None:
    """What can be done with a run that is not under way, the best first."""
    saved = runs_view.checkpoints(run)
    spec = runs_view.spec_of(run)
    with st.container(horizontal=True):
        if spec is not None and (saved or status.state is not RunState.COMPLETED):
            resume_buttons(run, status, saved)
        if saved and _button(
            "Evaluate & maps", ":material/public:", primary=status.state is RunState.COMPLETED
        ):
            navigation.go_to("evaluate", run=run.id)
        if spec is not None:
            failed = status.state is RunState.FAILED
            if _button("Change and run again", ":material/edit:", primary=failed):
                edit(spec, Origin(kind="like", name=run.id))
            if saved and _button("Train on from here", ":material/forward:"):
                edit(continuation(spec, run.id), Origin(kind="continues", name=run.id))
        if saved:
            exports.popover(run, saved)
        if status.state in _ENDED_BADLY:
            last_words.popover(run)
        _delete_button(run)


def edit(spec: RunSpec, origin: Origin) -> None:
    """Make a draft of a spec, which came from a run, and go to the Train page."""
    editor.open_new(spec, origin)
    navigation.go_to("train")


def continuation(spec: RunSpec, run_id: str) -> RunSpec:
    """The spec of a new run that begins with the best checkpoint of an earlier one."""
    model = spec.model.replace(source="run", run=run_id, checkpoint="best", path=None)
    return spec.replace(model=model, name=f"{spec.name[:70]} further")


def _delete_button(run: Run) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown("The run's folder is moved to the trash folder of the runs.")
        if st.button("Delete this run", type="primary", key="delete-run"):
            run_store().delete(run.id)
            state.select(Selection.RUN, None)
            state.flash(f"The run {run.id} was moved to the trash.", kind="info")
            navigation.go_to("start")


def _button(label: str, icon: str, *, primary: bool = False) -> bool:
    return st.button(label, icon=icon, type="primary" if primary else "secondary", key=label)
