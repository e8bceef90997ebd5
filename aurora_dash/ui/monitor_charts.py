"""The Monitor page's live charts, drawn from the run's metrics as they grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from aurora_dash.figures.marks import Mark, add_marks
from aurora_dash.runs.alerts import Noticed
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.runs.store import Run
from aurora_dash.ui import chart_axes, run_charts, runs_view, state, widgets
from aurora_dash.ui.live_chart import live_chart
from aurora_dash.ui.run_charts import View

_WIDE, _SMALL = 360, 280
_CHARTS_OF = {
    "exploding_gradient": ("norm",),
    "not_finite": ("norm",),
    "dead_variable": ("variables",),
    "throughput": ("time",),
    "data_wait": ("time",),
    "memory": ("memory",),
    "out_of_memory": ("memory",),
    "plateau": ("rate",),
}
"""On which charts an alert of a rule is marked besides that of the loss."""


def _view(run: Run, table: MetricsTable) -> View:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = st.segmented_control(
            "Along", list(chart_axes.AXES), default="Step", required=True, key="chart-axis"
        )
        smoothing = st.select_slider(
            "Smoothing",
            chart_axes.SMOOTHINGS,
            help="0.9 averages over about the last ten steps; the raw curve stays behind it.",
            key="chart-smoothing",
            width=260,
        )
        log_loss = st.toggle(
            "Logarithmic loss", value=run_charts.spans_decades(table), key="chart-log"
        )
        newest = st.toggle(
            "Newest only",
            help="The newest tenth moves on with the training. Off, a stretch that you zoom to is "
            "held; a double click shows all again.",
            key="chart-newest",
        )
    stretch = state.stretches().get(run.id)
    return View(
        axis=axis or "Step",
        smoothing=smoothing,
        log_loss=log_loss,
        newest=newest,
        stretch=stretch,
    )


def draw(run: Run) -> None:
    """All charts and how they are to be drawn."""
    table = run.metrics()
    view = _view(run, table)
    if not table.num_rows("train") and not table.num_rows("validation"):
        widgets.empty(
            "Charts begin with the first step",
            "Loss, gradient norms, learning rates, step time and memory appear here and move as "
            "training goes.",
            icon=":material/show_chart:",
        )
        return
    charts = _figures(run, view, _size(run), runs_view.alerts(run))
    _show(charts, ("loss",), run, height=_WIDE)
    _show(charts, ("norm", "variables"), run, height=_SMALL)
    _show(charts, ("rate", "time", "memory"), run, height=_SMALL)
    if "updates" in charts:
        _show(charts, ("updates", "weights"), run, height=_SMALL)
    if "levels" in charts:
        _show(charts, ("levels",), run, height=_WIDE)
    if "leads" in charts:
        _show(charts, ("leads",), run, height=_SMALL)


def _show(
    charts: Mapping[str, go.Figure], names: tuple[str, ...], run: Run, *, height: int
) -> None:
    for column, name in zip(st.columns(len(names)), names, strict=True):
        with column:
            # All follow a zoom and the pointer of any: they run along the same axis.
            live_chart(charts[name], key=f"{name}-{run.id}", height=height, link=run.id)


def _size(run: Run) -> int:
    return run.metrics_path.stat().st_size


@st.cache_resource(
    max_entries=16,
    show_spinner=False,
    hash_funcs={Run: lambda run: run.folder, Noticed: lambda n: (n.alert.id, n.is_open)},
)
def _figures(
    run: Run, view: View, size: int, alerts: tuple[Noticed, ...]
) -> Mapping[str, go.Figure]:
    """All charts, built once however many browsers look; `size` of the metrics tells their age."""
    table = run.metrics()
    charts = run_charts.all_charts(table, view, clip_of(run))
    for name, figure in charts.items():
        if name != "levels":
            add_marks(figure, alert_marks(table, view, alerts, name))
    return charts


def alert_marks(
    table: MetricsTable, view: View, alerts: Iterable[Noticed], chart: str
) -> list[Mark]:
    """The alerts that a chart shows: the loss all, the others those that they are about."""
    steps, places = table.column("step"), chart_axes.places(table, view.axis, "train")
    length = min(steps.size, places.size)
    if not length:
        return []
    return [
        Mark(
            x=float(np.interp(entry.alert.step, steps[:length], places[:length])),
            text=f"Step {entry.alert.step}: {entry.alert.message}",
        )
        for entry in alerts
        if chart == "loss" or chart in _CHARTS_OF.get(entry.alert.rule, ())
    ]


def clip_of(run: Run) -> float | None:
    """Where the run clips its gradients, if its spec can be read."""
    spec = runs_view.spec_of(run)
    return spec.optimiser.clip_norm if spec else None
