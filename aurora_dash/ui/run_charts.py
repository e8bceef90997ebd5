"""The charts of one run, drawn from its metrics: what the Monitor shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from aurora_dash.figures import training as figures
from aurora_dash.figures.levels import level_losses_figure
from aurora_dash.figures.rollout import lead_losses_figure
from aurora_dash.figures.thinning import DEFAULT_POINTS
from aurora_dash.figures.training import Curve
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui.series import Within, series_of

_NORM, _LOSS = "grad_norm/", "loss/"
_RATE, _LEAD = "lr/", "lead_loss/"
_WEIGHT, _UPDATE = "weight_norm/", "update_ratio/"
_MOST_LEADS = 8
_PARTS_WITH_LEVEL = 3
_LEVEL_BINS = 120
_SHARED_POINTS = 2 * DEFAULT_POINTS
"""Of all curves of a chart that has many."""
_FEWEST_POINTS = 64
_DECADES = 100


@dataclass(frozen=True)
class View:
    """How the charts are drawn."""

    axis: str = "Step"
    smoothing: float = 0.0
    log_loss: bool = False
    newest: bool = False
    """Only the newest tenth, which moves on with the training."""
    stretch: tuple[float, float] | None = None
    """The stretch of the axis that a person zoomed to, drawn in full detail."""


def all_charts(table: MetricsTable, view: View, clip: float | None) -> dict[str, go.Figure]:
    """Every chart that the metrics have something for, by name."""
    charts = {
        "loss": loss_chart(table, view),
        "norm": norm_chart(table, view, clip),
        "variables": variables_chart(table, view),
        "rate": rate_chart(table, view),
        "time": time_chart(table, view),
        "memory": memory_chart(table, view),
    }
    if _leads(table):
        charts["leads"] = leads_chart(table, view)
    if any(name.startswith(_UPDATE) for name in table.names()):
        charts["updates"] = updates_chart(table, view)
        charts["weights"] = weights_chart(table, view)
    if _levels(table):
        charts["levels"] = levels_chart(table, view)
    return charts


def spans_decades(table: MetricsTable) -> bool:
    """Whether most of the loss would be a flat line beside its largest value."""
    loss = series_of(table).curve("Step", "loss")[1]
    there = loss[np.isfinite(loss) & (loss > 0)]
    return bool(there.size and there.max() > _DECADES * np.median(there))


def _levels(table: MetricsTable) -> dict[tuple[str, float], str]:
    """The columns of losses on levels, by variable and level (hPa)."""
    found = {}
    for name in table.names():
        parts = name.split("/")
        if name.startswith(_LOSS) and len(parts) == _PARTS_WITH_LEVEL:
            found[parts[1], float(parts[2])] = name
    return found


def levels_chart(table: MetricsTable, view: View) -> go.Figure:
    """The loss of every variable on every level."""
    series = series_of(table)
    losses = {
        row: series.means(view.axis, name, _LEVEL_BINS) for row, name in _levels(table).items()
    }
    return level_losses_figure(losses, x_title=view.axis)


def _curve(
    table: MetricsTable,
    view: View,
    name: str,
    split: str = "train",
    *,
    smoothing: float = 0.0,
    num_curves: int = 1,
) -> Curve:
    return series_of(table).curve(
        view.axis,
        name,
        split,
        smoothing=smoothing,
        max_points=_points(num_curves),
        within=_within(view),
    )


def loss_chart(table: MetricsTable, view: View) -> go.Figure:
    """Training and validation loss beside persistence."""
    persistence = table.column("persistence_loss", "validation")
    known = persistence[np.isfinite(persistence)]
    return figures.loss_figure(
        _curve(table, view, "loss"),
        _curve(table, view, "loss", "validation"),
        smoothed=_curve(table, view, "loss", smoothing=view.smoothing) if view.smoothing else None,
        persistence=float(known[-1]) if known.size else None,
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
    names = [name for name in table.names() if name.startswith(prefix)]
    series, most = series_of(table), _points(len(names))
    return {
        name.removeprefix(prefix): series.sparse(
            view.axis, name, max_points=most, within=_within(view)
        )
        for name in names
    }


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
    variables = _by_variable(table.names())
    series, most = series_of(table), _points(len(variables))
    curves = {
        variable: series.mean(view.axis, names, max_points=most, within=_within(view))
        for variable, names in variables.items()
    }
    return figures.variable_losses_figure(curves, x_title=view.axis)


def _points(num_curves: int) -> int:
    """How many points each of the curves of a chart may have."""
    return max(_FEWEST_POINTS, min(DEFAULT_POINTS, _SHARED_POINTS // max(1, num_curves)))


def _within(view: View) -> Within:
    return "newest" if view.newest else view.stretch


def _by_variable(columns: Iterable[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name in columns:
        if name.startswith(_LOSS):
            names.setdefault(name.split("/")[1], []).append(name)
    return names
