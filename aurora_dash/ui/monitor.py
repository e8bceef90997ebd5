"""The Monitor page: the run's true state, its progress, its controls, its log."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import streamlit as st

from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.ui import actions, boundary, runs_view, state, widgets, words
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.state import Selection

LIVE_SECONDS = 0.5
"""How often a live run is looked at: charts follow the trainer by about as much."""
IDLE_SECONDS = 5.0
"""How often a run that rests is looked at: somebody may resume it from a shell."""

_EVENTS_SHOWN = 200
_LEVEL_ICONS = {
    "error": ":red[:material/error:]",
    "warning": ":orange[:material/warning:]",
    "info": ":gray[:material/info:]",
}


def choose_run() -> Run | None:
    """The run that is shown, chosen from all; None while there is none."""
    runs = run_store().list()
    if not runs:
        widgets.empty(
            "Nothing to watch yet",
            "Launch the demo from the first page, or set up a fine-tuning of your own.",
            icon=":material/monitoring:",
        )
        return None
    titles = runs_view.choices(runs)
    ids = list(titles)
    selected = state.selected(Selection.RUN)
    if selected not in ids:
        if selected:
            st.warning(
                f"The run {boundary.plain(selected)} is not here any more; the newest is shown."
            )
        state.select(Selection.RUN, ids[0])
        selected = ids[0]
    chosen = st.selectbox(
        "Run",
        ids,
        index=ids.index(selected),
        format_func=titles.__getitem__,
        key=f"run-of-{selected}",
        label_visibility="collapsed",
    )
    if chosen != selected:
        state.select(Selection.RUN, chosen)
        st.rerun()
    return run_store().get(chosen)


def watch(run: Run) -> None:
    """The run's state and controls, looked at again and again while the page is open."""
    live = run.status().is_live
    st.fragment(_watch, run_every=LIVE_SECONDS if live else IDLE_SECONDS)(run, was_live=live)


def _watch(run: Run, *, was_live: bool) -> None:
    with boundary.errors_shown():
        status = run.status()
        if status.is_live is not was_live:
            st.rerun()
        _headline(run, status)
        _progress(status)
        _numbers(run, status)
        if status.is_live:
            actions.controls(run, status)
        _verdict(run, status)
        if status.is_launchable:
            actions.ways_on(run, status)


def _headline(run: Run, status: RunStatus) -> None:
    st.markdown(f"{widgets.state_text(status.state)} {runs_view.labels(run)}")
    parts = [run.id, f"created {words.moment(status.created)}"]
    if status.device:
        parts.append(f"on {status.device}")
    if status.owner and status.is_live:
        parts.append(f"by {status.owner}")
    st.caption(" · ".join(boundary.plain(part) for part in parts))


def _progress(status: RunStatus) -> None:
    fraction = status.fraction_done
    if fraction is None:
        if status.state is RunState.STARTING:
            st.progress(0.0, text=_starting(status))
        return
    text = runs_view.progress_text(status)
    st.progress(fraction, text=f"{text} · epoch {status.epoch:.1f}")


def _starting(status: RunStatus) -> str:
    if status.waiting_for:
        return f"Starting: waiting for {boundary.plain(status.waiting_for)}"
    return "Starting: loading PyTorch, the data and the model (some ten seconds the first time)"


def _numbers(run: Run, status: RunStatus) -> None:
    if status.last_loss is None:
        return
    table = run.metrics()
    widgets.facts(
        [
            ("Training loss", words.number(status.last_loss)),
            ("Best validation loss", words.number(status.best_loss)),
            ("Step time", words.short_seconds(_newest(table, "step_seconds"))),
            ("Learning rate", words.number(_newest(table, "lr"), 3)),
            ("Memory", words.size(_newest(table, "memory_bytes"))),
            ("Time left" if status.is_live else "Took", _clock(status)),
        ],
    )


def _newest(table: MetricsTable, name: str) -> float | None:
    values = table.column(name)
    return float(values[-1]) if values.size else None


def _clock(status: RunStatus) -> str:
    if status.is_live:
        return words.duration(status.seconds_left)
    if status.started is None or status.ended is None:
        return words.duration(math.nan)
    return words.duration((status.ended - status.started).total_seconds())


def _verdict(run: Run, status: RunStatus) -> None:
    """In words: what became of the run, why, and what to do."""
    reason = boundary.plain(status.reason)
    remedy = f"\n\n**What to do:** {boundary.plain(status.remedy)}" if status.remedy else ""
    if status.state is RunState.COMPLETED:
        st.success(f"Training is complete. {reason}".strip(), icon=":material/check_circle:")
    elif status.state is RunState.FAILED:
        st.error(f"{reason or 'The run failed.'}{remedy}", icon=":material/error:")
    elif status.state is RunState.INTERRUPTED:
        st.warning(f"{reason or 'The run was interrupted.'}{remedy}", icon=":material/power_off:")
    elif status.state is RunState.STOPPED:
        st.info(f"{reason or 'The run was stopped.'}{remedy}", icon=":material/stop_circle:")
    elif status.state is RunState.QUEUED:
        st.info(_queued(status, reason), icon=":material/schedule:")


def _queued(status: RunStatus, reason: str) -> str:
    if status.owner is None:
        return reason or "Created, not launched yet."
    place = f"Place {status.queue_place} in the queue" if status.queue_place else "In the queue"
    waits = f": waiting for {boundary.plain(status.waiting_for)}" if status.waiting_for else ""
    return f"{place}{waits}."


def log(run: Run) -> None:
    """The newest events, following while the run is live."""
    live = run.status().is_live
    st.fragment(_log, run_every=2 * LIVE_SECONDS if live else None)(run)


def _log(run: Run) -> None:
    with boundary.errors_shown():
        events = run.events()[-_EVENTS_SHOWN:]
        if not events:
            st.caption("Nothing to report yet.")
            return
        lines = [_event_line(event) for event in reversed(events)]
        with st.container(height=260, border=True):
            st.markdown("\n\n".join(lines))


def _event_line(event: dict[str, object]) -> str:
    when = event.get("time")
    clock = f"{datetime.fromtimestamp(when, UTC):%H:%M:%S} UTC" if isinstance(when, float) else ""
    icon = _LEVEL_ICONS.get(str(event.get("level")), _LEVEL_ICONS["info"])
    return f":small[{icon} `{clock}` {boundary.plain(str(event.get('message', '')))}]"
