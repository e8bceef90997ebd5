"""What pages ask of a run beyond its own answers: name, labels, checkpoints, waiting requests."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.alerts import Noticed
from aurora_dash.runs.control import Action, waiting_requests
from aurora_dash.runs.files import stamp
from aurora_dash.runs.lines import Record
from aurora_dash.runs.loading import LoadAccount
from aurora_dash.runs.log import EventLog
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, state, widgets, words
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.state import Selection


def selected_run() -> Run | None:
    """The run that the URL selects; None if there is none or it is gone."""
    run_id = state.selected(Selection.RUN)
    if not run_id:
        return None
    try:
        return run_store().get(run_id)
    except AuroraDashError:
        return None


def spec_of(run: Run) -> RunSpec | None:
    """The run's spec, read once for each change of the file; None if it is missing or damaged,
    which `Run.spec` explains."""
    return _spec_of(run, stamp(run.spec_path))


@lru_cache(maxsize=256)
def _spec_of(run: Run, _stamp: tuple[int, int]) -> RunSpec | None:
    try:
        return run.spec()
    except AuroraDashError:
        return None


def title(run: Run) -> str:
    """The name a person gave the run; its id if the spec can't be read."""
    spec = spec_of(run)
    return spec.name if spec else run.id


def choices(runs: Iterable[Run]) -> dict[str, str]:
    """What a list of runs shows, by run id: name and time, each text once."""
    return words.distinct(
        {run.id: f"{title(run)} · {words.moment(run.status().created)}" for run in runs}
    )


def labels(run: Run) -> str:
    """Labels of a run, as Markdown; none if the spec can't be read."""
    spec = spec_of(run)
    return widgets.spec_labels(spec) if spec else ""


def label_texts(run: Run) -> list[str]:
    """The same as plain texts, for figures."""
    spec = spec_of(run)
    return widgets.label_texts(spec) if spec else []


def checkpoints(run: Run) -> list[str]:
    """Names of the complete checkpoints, the newest first."""
    found = run.checkpoints_folder.glob("step-*/meta.json")
    return sorted((path.parent.name for path in found), reverse=True)


def events(run: Run) -> tuple[Record, ...]:
    """All events, oldest first; every line is read once however many browsers look."""
    return _event_log(run.events_path).events()


@st.cache_resource(max_entries=32, show_spinner=False)
def _event_log(path: Path) -> EventLog:
    return EventLog(path)


def alerts(run: Run) -> tuple[Noticed, ...]:
    """The alerts of a run, oldest first, and what became of them."""
    return _event_log(run.events_path).alerts()


def load_account(run: Run) -> LoadAccount | None:
    """How the model got its weights, read once for each change of the file."""
    try:
        changed = run.load_report_path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _load_account(run.folder, changed)


@st.cache_resource(max_entries=32, show_spinner=False)
def _load_account(folder: Path, changed: int) -> LoadAccount | None:
    return Run(folder).load_report()


def asked_for(run: Run) -> frozenset[Action]:
    """Requests that the trainer has not taken yet."""
    return waiting_requests(run.control_folder)


def asked_to_stop(run: Run) -> float | None:
    """When the run was last asked to stop (s since 1970), as its events tell; None if never."""
    asked = [e.get("time") for e in events(run) if e.get("action") == Action.STOP]
    return asked[-1] if asked and isinstance(asked[-1], float) else None


def progress_text(status: RunStatus) -> str:
    """How far a run is: ``120 / 200 steps, 35 s left``, or what it waits for."""
    if status.state is RunState.QUEUED and status.owner:
        return f"place {status.queue_place} in the queue" if status.queue_place else "in the queue"
    if status.state is RunState.STARTING and status.waiting_for:
        return f"waiting for {boundary.plain(status.waiting_for)}"
    if status.total_steps is None:
        return f"step {status.step:,}" if status.step else "not started"
    text = f"{status.step:,} / {status.total_steps:,} steps"
    if status.state is RunState.STOPPING:
        return f"{text}, waiting for {boundary.plain(status.waiting_for)}"
    if status.is_live and status.seconds_left is not None:
        text += f", {words.duration(status.seconds_left)} left"
    return text


def loss_text(status: RunStatus) -> str:
    """The newest and the best loss of a run."""
    if status.last_loss is None:
        return "no loss yet"
    best = "" if status.best_loss is None else f", best {words.number(status.best_loss)}"
    return f"loss {words.number(status.last_loss)}{best}"
