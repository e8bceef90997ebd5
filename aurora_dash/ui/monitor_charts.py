"""The Monitor page's live charts, drawn from the run's metrics as they grow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import streamlit as st

from aurora_dash.figures.curves import FEW_CURVES, Plan
from aurora_dash.figures.marks import Mark, add_marks
from aurora_dash.runs.alerts import Alert, Noticed
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.runs.store import Run
from aurora_dash.ui import (
    chart_axes,
    chart_choice,
    run_charts,
    runs_view,
    state,
    widgets,
    work_charts,
)
from aurora_dash.ui.chart_curves import View
from aurora_dash.ui.live_chart import live_chart

Chart = Callable[[MetricsTable, View], Plan | None]

CHARTS: Mapping[str, Chart] = {
    "loss": run_charts.loss_chart,
    "norm": work_charts.norm_chart,
    "pace": work_charts.pace_chart,
    "variables": run_charts.variables_chart,
    "levels": run_charts.levels_chart,
    "leads": run_charts.leads_chart,
    "parts": run_charts.parts_chart,
    "group-norms": work_charts.group_norms_chart,
    "clipped-norms": work_charts.clipped_norms_chart,
    "updates": work_charts.updates_chart,
    "weights": work_charts.weights_chart,
    "rate": work_charts.rate_chart,
    "time": work_charts.time_chart,
    "cpu": work_charts.cpu_chart,
    "gpu": work_charts.gpu_chart,
    "memory": work_charts.memory_chart,
    "host": work_charts.host_chart,
    "heat": work_charts.heat_chart,
    "power": work_charts.power_chart,
}
"""By the name under which the URL knows them; None where the metrics have nothing for one."""

_WIDE, _SMALL = 360, 280
_ROW_OF_LEVELS, _TALLEST = 12, 1200
_ROW_OF_LEGEND, _CURVES_A_ROW = 20, 2
_CHARTS_OF = {
    "exploding_gradient": ("norm", "group-norms"),
    "not_finite": ("norm",),
    "dead_variable": ("variables",),
    "throughput": ("time", "pace", "cpu", "gpu"),
    "data_wait": ("time",),
    "memory": ("memory", "host"),
    "out_of_memory": ("memory",),
    "plateau": ("rate",),
}
"""On which charts an alert of a rule is marked besides that of the loss."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Charts that are drawn only while somebody looks at them."""

    key: str
    """Its name in the URL."""
    title: str
    icon: str
    rows: tuple[tuple[str, ...], ...]
    """Names of charts beside each other; those of a row that have nothing to show are left out."""


SECTIONS = (
    Section(
        key="losses",
        title="Losses by variable, level, lead time and part",
        icon=":material/stacked_line_chart:",
        rows=(("variables",), ("levels",), ("leads", "parts")),
    ),
    Section(
        key="gradients",
        title="Gradients, weights and learning rates",
        icon=":material/tune:",
        rows=(("group-norms", "clipped-norms"), ("updates", "weights"), ("rate",)),
    ),
    Section(
        key="machine",
        title="Speed, processor, GPU and memory",
        icon=":material/speed:",
        rows=(("time",), ("cpu", "gpu"), ("memory", "host"), ("heat", "power")),
    ),
)


def draw(run: Run) -> None:
    """How the charts are to be drawn; those that matter first; the others in sections."""
    table = run.metrics()
    view = _view(run, table)
    if not table.num_rows("train") and not table.num_rows("validation"):
        widgets.empty(
            "Charts begin with the first step",
            "Loss, gradient norms, throughput and what the training takes of the machine appear "
            "here and move as training goes.",
            icon=":material/show_chart:",
        )
        return
    drawing = _Drawing(run, table, view, runs_view.alerts(run))
    drawing.show((("loss",), ("norm", "pace")))
    for section in SECTIONS:
        opened = st.expander(section.title, icon=section.icon, key=section.key, bind="query-params")
        if opened.open:
            with opened:
                drawing.with_view(_chosen(section, table, view)).show(section.rows)


def _view(run: Run, table: MetricsTable) -> View:
    """What the controls say; their keys are the URL's words, on Compare too."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = st.segmented_control(
            "Along",
            list(chart_axes.AXES),
            default="Step",
            required=True,
            key="along",
            bind="query-params",
        )
        smoothing = st.select_slider(
            "Smoothing",
            chart_axes.SMOOTHINGS,
            help="Of loss and throughput. 0.9 averages over about the last ten steps; the raw loss "
            "stays behind it.",
            key="smoothing",
            bind="query-params",
            width=260,
        )
        log = st.toggle(
            "Logarithmic",
            value=run_charts.spans_decades(table),
            help="The upright axes of all charts. Norms and losses by variable always are.",
            key="log",
            bind="query-params",
        )
        newest = st.toggle(
            "Newest only",
            help="The newest tenth moves on with the training. Off, a stretch that you zoom to is "
            "held; a double click shows all again.",
            key="newest",
            bind="query-params",
        )
    axis = str(axis or "Step")
    return View(
        axis=axis,
        smoothing=smoothing,
        log=log,
        newest=newest,
        stretch=state.stretches().get(_link(run, axis)),
        clip=clip_of(run),
    )


def _chosen(section: Section, table: MetricsTable, view: View) -> View:
    """The view with what the controls of a section say."""
    if section.key == "losses":
        return chart_choice.losses(table, view)
    return chart_choice.groups(table, view) if section.key == "gradients" else view


def _link(run: Run, axis: str) -> str:
    """Charts along one axis of one run follow each other's zoom and pointer."""
    return f"{run.id}-{axis}"


@dataclass(frozen=True)
class _Drawing:
    """What all charts of one refresh share."""

    run: Run
    table: MetricsTable
    view: View
    alerts: tuple[Noticed, ...]

    def with_view(self, view: View) -> _Drawing:
        """The same with another view."""
        return _Drawing(self.run, self.table, view, self.alerts)

    def show(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of charts, without those that have nothing to show."""
        names = tuple(name for row in rows for name in row)
        charts = _figures(self.run, self.view, names, _size(self.run), self.alerts)
        for row in rows:
            there = [name for name in row if name in charts]
            for column, name in zip(st.columns(len(there)) if there else (), there, strict=True):
                with column:
                    self._show(name, charts[name], height=_WIDE if len(row) == 1 else _SMALL)

    def _show(self, name: str, figure: Plan, *, height: int) -> None:
        if name == "levels":
            height = min(max(height, 120 + _ROW_OF_LEVELS * len(figure.traces[0]["y"])), _TALLEST)
        elif len(figure.traces) > FEW_CURVES:
            height += _ROW_OF_LEGEND * math.ceil(len(figure.traces) / _CURVES_A_ROW)
        link = _link(self.run, self.view.axis)
        live_chart(figure, key=f"{name}-{self.run.id}", height=height, link=link, name=name)


def _size(run: Run) -> int:
    return run.metrics_path.stat().st_size


# Not streamlit's cache, which takes longer over the key than some of the charts take.
@lru_cache(maxsize=32)
def _figures(
    run: Run, view: View, names: tuple[str, ...], size: int, alerts: tuple[Noticed, ...]
) -> Mapping[str, Plan]:
    """Charts by name, built once however many browsers look; `size` of the metrics tells their
    age."""
    table = run.metrics()
    charts = {}
    for name in names:
        figure = CHARTS[name](table, view)
        if figure is not None:
            charts[name] = figure
            figure.frame["uirevision"] = f"{view.axis}-{view.log}"
            chart_axes.show_clock(figure, view.axis)
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
            text=_told(entry.alert),
        )
        for entry in alerts
        if chart == "loss" or chart in _CHARTS_OF.get(entry.alert.rule, ())
    ]


def _told(alert: Alert) -> str:
    """What was seen and what can be done about it."""
    lines = [f"Step {alert.step}: {alert.message}"]
    if alert.advice:
        lines.append(f"What to do: {alert.advice}")
    if alert.remedies:
        lines.append(f"Remedies: {', '.join(remedy.label for remedy in alert.remedies)}")
    return "\n".join(lines)


def clip_of(run: Run) -> float | None:
    """Where the run clips the norm of its gradients, if it does and its spec can be read."""
    spec = runs_view.spec_of(run)
    return spec.optimiser.clip_norm if spec and spec.optimiser.clip_by == "norm" else None
