"""The Monitor page's live charts, drawn from the run's metrics as they grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from aurora_dash.figures import training as figures
from aurora_dash.figures.levels import level_losses_figure
from aurora_dash.figures.marks import Mark, add_marks
from aurora_dash.figures.rollout import lead_losses_figure
from aurora_dash.figures.training import Curve
from aurora_dash.runs.alerts import Noticed
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.runs.store import Run
from aurora_dash.ui import chart_axes, runs_view, widgets
from aurora_dash.ui.live_chart import live_chart

_WIDE, _SMALL = 360, 280
_NORM, _LOSS = "grad_norm/", "loss/"
_RATE, _LEAD = "lr/", "lead_loss/"
_WEIGHT, _UPDATE = "weight_norm/", "update_ratio/"
_MOST_LEADS = 8
_PARTS_WITH_LEVEL = 3
_FEWEST_NEWEST = 100
_DECADES = 100
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


@dataclass(frozen=True)
class View:
    """How the charts are drawn."""

    axis: str = "Step"
    smoothing: float = 0.0
    log_loss: bool = False
    newest: bool = False
    """Only the newest tenth, which moves on with the training."""


def _view(table: MetricsTable) -> View:
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
        log_loss = st.toggle("Logarithmic loss", value=_spans_decades(table), key="chart-log")
        newest = st.toggle(
            "Newest only",
            help="The newest tenth moves on with the training. Off, a stretch that you zoom to is "
            "held; a double click shows all again.",
            key="chart-newest",
        )
    return View(axis=axis or "Step", smoothing=smoothing, log_loss=log_loss, newest=newest)


def draw(run: Run) -> None:
    """All charts and how they are to be drawn."""
    table = run.metrics()
    view = _view(table)
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
    leads = {"leads": leads_chart(table, view)} if _leads(table) else {}
    charts = leads | {
        "loss": loss_chart(table, view),
        "norm": norm_chart(table, view, clip_of(run)),
        "variables": variables_chart(table, view),
        "rate": rate_chart(table, view),
        "time": time_chart(table, view),
        "memory": memory_chart(table, view),
    }
    if any(name.startswith(_UPDATE) for name in table.names()):
        charts["updates"] = updates_chart(table, view)
        charts["weights"] = weights_chart(table, view)
    levels = _levels(table, view)
    if levels:
        charts["levels"] = level_losses_figure(levels, x_title=view.axis)
    for name, figure in charts.items():
        if view.newest:
            figure.update_xaxes(range=_newest(table, view))
        if name == "levels":
            continue
        add_marks(figure, alert_marks(table, view, alerts, name))
    return charts


def _spans_decades(table: MetricsTable) -> bool:
    """Whether most of the loss would be a flat line beside its largest value."""
    loss = table.column("loss")
    there = loss[np.isfinite(loss) & (loss > 0)]
    return bool(there.size and there.max() > _DECADES * np.median(there))


def _newest(table: MetricsTable, view: View) -> tuple[float, float]:
    """The last tenth along the axis, but never fewer than a hundred steps."""
    x = chart_axes.places(table, view.axis, "train")
    if not x.size:
        return (0.0, 1.0)
    first = max(0, x.size - max(_FEWEST_NEWEST, x.size // 10))
    return float(x[first]), float(x[-1])


def _levels(table: MetricsTable, view: View) -> dict[tuple[str, float], Curve]:
    """The losses of variables on levels."""
    found = {}
    for name in table.names():
        parts = name.split("/")
        if name.startswith(_LOSS) and len(parts) == _PARTS_WITH_LEVEL:
            found[parts[1], float(parts[2])] = _curve(table, view, name)
    return found


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


def _curve(table: MetricsTable, view: View, name: str, split: str = "train") -> Curve:
    return chart_axes.curve(table, view.axis, name, split)


def loss_chart(table: MetricsTable, view: View) -> go.Figure:
    """Training and validation loss beside persistence."""
    persistence = table.column("persistence_loss", "validation")
    known = persistence[np.isfinite(persistence)]
    return figures.loss_figure(
        _curve(table, view, "loss"),
        _curve(table, view, "loss", "validation"),
        persistence=float(known[-1]) if known.size else None,
        smoothing=view.smoothing,
        log_y=view.log_loss,
        x_title=view.axis,
    )


def norm_chart(table: MetricsTable, view: View, clip: float | None) -> go.Figure:
    """Gradient norms, total and by group of parameters and new variable."""
    curves = {"total": _curve(table, view, "grad_norm")} | _sparse(table, view, _NORM)
    return figures.gradient_norm_figure(curves, clip=clip, x_title=view.axis)


def leads_chart(table: MetricsTable, view: View) -> go.Figure:
    """Validation loss by lead time, where forecasts of several are trained on."""
    curves = {hours: _curve(table, view, name, "validation") for hours, name in _leads(table)}
    return lead_losses_figure(curves, x_title=view.axis)


def _leads(table: MetricsTable) -> list[tuple[int, str]]:
    """Lead times in hours and what their losses are called; the first and last of many."""
    names = [name for name in table.names("validation") if name.startswith(_LEAD)]
    leads = sorted((int(name.removeprefix(_LEAD)), name) for name in names)
    if len(leads) <= _MOST_LEADS:
        return leads
    chosen = np.linspace(0, len(leads) - 1, _MOST_LEADS).round().astype(int)
    return [leads[index] for index in chosen]


def weights_chart(table: MetricsTable, view: View) -> go.Figure:
    """Norms of the trained weights, by group and new variable."""
    return figures.weight_norm_figure(_sparse(table, view, _WEIGHT), x_title=view.axis)


def updates_chart(table: MetricsTable, view: View) -> go.Figure:
    """The size of updates against that of the weights, by group and new variable."""
    return figures.update_ratio_figure(_sparse(table, view, _UPDATE), x_title=view.axis)


def _sparse(table: MetricsTable, view: View, prefix: str) -> dict[str, Curve]:
    """Columns of a prefix; what only some records have is joined over the others."""
    curves = {}
    for name in table.names():
        if name.startswith(prefix):
            x, y = _curve(table, view, name)
            there = np.isfinite(y)
            curves[name.removeprefix(prefix)] = (x[there], y[there])
    return curves


def rate_chart(table: MetricsTable, view: View) -> go.Figure:
    """Learning rates of what came with the checkpoint and of what is new."""
    curves = {"existing weights": _curve(table, view, "lr")}
    for name in table.names():
        if name.startswith(_RATE):
            curves[name.removeprefix(_RATE)] = _curve(table, view, name)
    return figures.learning_rate_figure(curves, x_title=view.axis)


def memory_chart(table: MetricsTable, view: View) -> go.Figure:
    """Memory of the GPU, or of the process on a CPU."""
    return figures.memory_figure(_curve(table, view, "memory_bytes"), x_title=view.axis)


def time_chart(table: MetricsTable, view: View) -> go.Figure:
    """Time of a step and the part that waits for data."""
    return figures.step_time_figure(
        _curve(table, view, "step_seconds"),
        _curve(table, view, "data_seconds"),
        x_title=view.axis,
    )


def variables_chart(table: MetricsTable, view: View) -> go.Figure:
    """The loss of every variable, the mean over its levels where it has levels."""
    columns = table.columns()
    x = chart_axes.places(table, view.axis, "train")
    curves: dict[str, Curve] = {}
    for variable, names in _by_variable(columns).items():
        mean = np.mean([columns[name] for name in names], axis=0)
        length = min(x.size, mean.size)
        curves[variable] = (x[:length], mean[:length])
    return figures.variable_losses_figure(curves, x_title=view.axis)


def _by_variable(columns: Iterable[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name in columns:
        if name.startswith(_LOSS):
            names.setdefault(name.split("/")[1], []).append(name)
    return names
