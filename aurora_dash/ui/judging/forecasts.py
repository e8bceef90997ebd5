"""Forecasts made in the background: the form, how far they are, and where the finished ones lie."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from aurora_dash.data.roots import configured_roots
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.rollout_job import (
    Format,
    forecast_path,
    get_rollout,
    list_rollouts,
    resume_rollout,
    start_rollout,
    stop_rollout,
)
from aurora_dash.evaluation.status import EvaluationState, RolloutStatus
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, runs_view, words
from aurora_dash.ui.judging import ask_data, follow

_KEY = "roll"
_FORMATS: dict[Format, str] = {"zarr": "Zarr", "nc": "NetCDF"}
_LARGEST_DOWNLOAD = 256 * 2**20
_BOXES = {
    EvaluationState.FAILED: (st.error, ":material/error:"),
    EvaluationState.INTERRUPTED: (st.warning, ":material/power_off:"),
    EvaluationState.STOPPED: (st.info, ":material/stop_circle:"),
}


def section(run: Run) -> None:
    """The form, and below it all forecasts of the run."""
    made = list_rollouts(run)
    count = f" ({len(made)})" if made else ""
    is_live = any(status.state.is_live for status in made)
    with st.expander(f"Make a forecast{count}", icon=":material/fast_forward:", expanded=is_live):
        with boundary.errors_shown():
            _form(run)
        for status in made:
            with boundary.errors_shown():
                _shown(run, status)


def _form(run: Run) -> None:
    spec = run.spec()
    first, second, third = st.columns(3)
    checkpoint = first.selectbox(
        "Checkpoint", ["best", "last", *runs_view.checkpoints(run)], key=f"{_KEY}-checkpoint"
    )
    source = ask_data.source_box(second, _KEY)
    file_format = third.selectbox(
        "Format",
        list(_FORMATS),
        format_func=_FORMATS.__getitem__,
        help="Both with CF metadata. Zarr can be read while it is written.",
        key=f"{_KEY}-format",
    )
    data = ask_data.more_fields(source, spec, _KEY)
    when = _when(spec)
    if st.button("Make it", icon=":material/play_arrow:", type="primary", key=_KEY):
        request = RolloutRequest.build({"run": run.id, "checkpoint": checkpoint, **data, **when})
        ask_data.require_readable(request)
        start_rollout(run, request, file_format=file_format, roots=configured_roots())
        st.rerun()


def _when(spec: RunSpec) -> dict[str, object]:
    """Where forecasts begin, how many, how long, and of what."""
    first, second, third, fourth = st.columns(4)
    leads = first.number_input(
        f"Steps ahead ({spec.lead_hours} h each)",
        min_value=1,
        value=4,
        help="As many as you like: memory does not grow with them.",
        key=f"{_KEY}-leads",
    )
    start = second.text_input(
        "Start (UTC)",
        placeholder="the first there is",
        help="Such as 2025-06-01T00:00: a time of the data with another before it, the last "
        "included.",
        key=f"{_KEY}-start",
    ).strip()
    starts = third.number_input(
        "Forecasts", min_value=1, value=1, disabled=bool(start), key=f"{_KEY}-starts"
    )
    apart = fourth.number_input(
        "Hours between starts",
        min_value=1,
        value=24,
        disabled=bool(start) or starts == 1,
        key=f"{_KEY}-every",
    )
    names = st.multiselect(
        "Variables",
        list(spec.predicted_names),
        placeholder="all",
        help="With all of them a forecast that was cut off goes on in its middle.",
        key=f"{_KEY}-variables",
    )
    return {
        "leads": int(leads),
        **({"start": start} if start else {"max_starts": int(starts), "every_hours": int(apart)}),
        "variables": tuple(names),
    }


def _shown(run: Run, status: RolloutStatus) -> None:
    with st.container(border=True):
        st.markdown(f"**{boundary.plain(title(status))}**")
        if status.state.is_live:
            follow.watch(
                partial(get_rollout, run, status.id),
                partial(stop_rollout, run, status.id),
                kept="what was made is",
                key=f"stop-{status.id}",
            )
        elif status.state is EvaluationState.COMPLETED:
            _finished(run, status)
        else:
            _resting(run, status)


def title(status: RolloutStatus) -> str:
    """What was asked for, and when, on one line."""
    request = status.request
    if request is None:
        return status.id
    count, steps = request.max_starts, words.several(request.leads, "step")
    asked = "forecasts" if count is None else words.several(count, "forecast")
    if request.start is not None:
        asked = f"forecast from {words.moment(request.start)}"
    return f"{asked} of {steps}, {request.checkpoint} checkpoint · {words.moment(status.created)}"


def _resting(run: Run, status: RolloutStatus) -> None:
    box, icon = _BOXES[status.state]
    kept = f" {status.done:,} of {status.total:,} steps are kept." if status.total else ""
    remedy = f" {status.remedy}" if status.state is EvaluationState.FAILED else ""
    box(boundary.plain(status.reason + kept + remedy), icon=icon)
    if status.request is not None:
        st.button(
            "Go on",
            icon=":material/resume:",
            help="Makes the steps that are missing.",
            key=f"resume-{status.id}",
            on_click=_resume,
            args=(run, status.id),
        )


@boundary.guarded
def _resume(run: Run, rollout_id: str) -> None:
    resume_rollout(run, rollout_id, roots=configured_roots())


def _finished(run: Run, status: RolloutStatus) -> None:
    path = forecast_path(run, status)
    if not path.exists():
        st.caption(f"{boundary.plain(str(path))} was deleted.")
        return
    size = _size(path)
    st.code(str(path), language=None, wrap_lines=True)
    st.caption(f"{status.total:,} forecast steps, {words.size(size)}")
    if path.is_file() and size <= _LARGEST_DOWNLOAD:
        st.download_button(
            "NetCDF",
            path.read_bytes,
            file_name=f"{run.id}-{status.id}.nc",
            mime="application/x-netcdf",
            icon=":material/download:",
            on_click="ignore",
            key=f"download-{status.id}",
        )


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a store."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
