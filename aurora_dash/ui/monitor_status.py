"""The Monitor page's first part: state, progress, numbers, controls, and what became of the run."""

from __future__ import annotations

import math

import streamlit as st

from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.ui import actions, boundary, provenance, runs_view, widgets, words


def draw(run: Run, status: RunStatus) -> None:
    """Everything about the run that is not a chart or the log."""
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
    if status.num_parameters is not None and status.num_trainable is not None:
        parts.append(words.trained(status.num_trainable, status.num_parameters))
    if status.owner and status.is_live:
        parts.append(f"by {status.owner}")
    with st.container(gap="xxsmall"):
        st.caption(" · ".join(boundary.plain(part) for part in parts))
        provenance.draw(run)


def _progress(status: RunStatus) -> None:
    fraction = status.fraction_done
    if fraction is None:
        if status.state is RunState.STARTING:
            st.progress(0.0, text=_starting(status))
        return
    text = f"{status.step:,} / {status.total_steps:,} steps · epoch {status.epoch:.1f}"
    left = f", {words.duration(status.seconds_left)} left" if status.seconds_left else ""
    st.progress(fraction, text=text + left)


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
    elif status.state is RunState.UNRESPONSIVE:
        st.error(f"{reason}{remedy}", icon=":material/heart_broken:")
    elif status.state is RunState.INTERRUPTED:
        st.warning(f"{reason or 'The run was interrupted.'}{remedy}", icon=":material/power_off:")
    elif status.state is RunState.STOPPED:
        st.info(f"{reason or 'The run was stopped.'}{remedy}", icon=":material/stop_circle:")
    elif status.state is RunState.ARRIVING:
        st.info(reason, icon=":material/downloading:")
    elif status.state is RunState.QUEUED:
        st.info(_queued(status, reason), icon=":material/schedule:")


def _queued(status: RunStatus, reason: str) -> str:
    if status.owner is None:
        return reason or "Created, not launched yet."
    place = f"Place {status.queue_place} in the queue" if status.queue_place else "In the queue"
    waits = f": waiting for {boundary.plain(status.waiting_for)}" if status.waiting_for else ""
    return f"{place}{waits}."
