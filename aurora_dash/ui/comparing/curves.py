"""Curves of the compared runs over each other, and the metrics as files."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from aurora_dash.figures.comparison import Line, overlay_figure, points_a_line
from aurora_dash.runs.overview import Overview, differences_of, groups_of
from aurora_dash.runs.store import Run
from aurora_dash.ui import chart_axes, metrics_files, widgets
from aurora_dash.ui.comparing import choose
from aurora_dash.ui.live_chart import live_chart
from aurora_dash.ui.series import Curve, series_of

_LIVE_SECONDS = 2.0
_HEIGHT = 420
_FIRST = ("validation: loss", "train: loss", "train: grad_norm")
_NOT_CURVES = frozenset({"step", "epoch", "time"})
_EACH = "each run"
_ALONG, _METRIC, _SMOOTHING, _LOG, _BY = "along", "metric", "smoothing", "log", "by"


def show(compared: Sequence[Overview], baseline: str | None) -> None:
    """Which metric, drawn how; the chart, which follows live runs; downloads."""
    metrics = _metrics(compared)
    if not metrics:
        widgets.empty(
            "Nothing recorded yet",
            "Curves appear with the first step of a chosen run.",
            icon=":material/show_chart:",
        )
        return
    _controls(compared, metrics)
    live = any(overview.status.is_live for overview in compared)
    st.fragment(_chart, run_every=_LIVE_SECONDS if live else None)(compared, baseline)
    metrics_files.download_buttons([overview.run for overview in compared])


def _metrics(compared: Sequence[Overview]) -> list[str]:
    """What any of the runs recorded, as ``split: name``; the usual first."""
    found = {
        f"{split}: {name}"
        for table in [overview.run.metrics() for overview in compared]
        for split in table.splits
        for name in table.names(split)
        if name not in _NOT_CURVES
    }
    return [*(name for name in _FIRST if name in found), *sorted(found - set(_FIRST))]


def _controls(compared: Sequence[Overview], metrics: Sequence[str]) -> None:
    first, second, third = st.columns(3)
    first.selectbox("Metric", metrics, key=_METRIC, bind="query-params")
    second.selectbox(
        "One colour for",
        [_EACH, "tag", "state", *differences_of(compared)],
        help="Runs with the same value look alike.",
        key=_BY,
        bind="query-params",
    )
    third.select_slider(
        "Smoothing", chart_axes.SMOOTHINGS, key=_SMOOTHING, bind="query-params",
        help="0.9 averages over about the last ten records.",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Along", list(chart_axes.AXES), default="Step", required=True, key=_ALONG,
            bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        st.toggle("Logarithmic", key=_LOG, bind="query-params")


def _chart(compared: Sequence[Overview], baseline: str | None) -> None:
    split, _, name = str(st.session_state[_METRIC]).partition(": ")
    axis = str(st.session_state.get(_ALONG) or "Step")
    groups = _groups(compared, str(st.session_state[_BY]))
    names = choose.titles(compared)
    lines = [
        Line(
            name=names[overview.id],
            curve=_curve(overview.run, axis, name, split, points_a_line(len(compared))),
            group=groups[overview.id],
            is_baseline=overview.id == baseline,
        )
        for overview in compared
    ]
    figure = overlay_figure(
        lines,
        title=f"{name}, {split}",
        x_title=chart_axes.TITLES[axis],
        log_y=bool(st.session_state[_LOG]),
    )
    chart_axes.show_clock(figure, axis)
    key = f"compare-{name}-{split}"
    figure.layout.uirevision = f"{key}-{axis}"
    live_chart(figure, key=key, height=_HEIGHT, name="curves")


def _curve(run: Run, axis: str, name: str, split: str, max_points: int) -> Curve:
    """Smoothed if asked for: many raw curves would hide it."""
    series = series_of(run.metrics())
    # What only some records have is joined over the others.
    draw = series.sparse if series.is_sparse(name, split) else series.curve
    smoothing = float(st.session_state[_SMOOTHING])
    return draw(axis, name, split, smoothing=smoothing, max_points=max_points)


def _groups(compared: Sequence[Overview], by: str) -> dict[str, int]:
    """A number for every run; those with the same number look alike."""
    if by == _EACH:
        return {overview.id: index for index, overview in enumerate(compared)}
    groups = groups_of(compared, by).values()
    return {o.id: index for index, members in enumerate(groups) for o in members}
