"""The charts of one run's losses, drawn from its metrics."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aurora_dash.figures import training as figures
from aurora_dash.figures.curves import Plan, curves_figure
from aurora_dash.figures.levels import level_losses_figure
from aurora_dash.figures.rollout import lead_losses_figure
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui.chart_curves import Split, View, curve, points
from aurora_dash.ui.series import series_of

_LOSS, _LEAD, _PART = "loss/", "lead_loss/", "part/"
_MOST_LEADS = 8
_SLASHES_OF_LEVEL = 2
_LEVEL_BINS = 120
_DECADES = 100
SPLIT_WORDS: dict[Split, str] = {"train": "training", "validation": "validation"}


def spans_decades(table: MetricsTable) -> bool:
    """Whether most of the loss would be a flat line beside its largest value."""
    loss = series_of(table).curve("Step", "loss")[1]
    there = loss[np.isfinite(loss) & (loss > 0)]
    return bool(there.size and there.max() > _DECADES * np.median(there))


def loss_chart(table: MetricsTable, view: View) -> Plan:
    """Training and validation loss beside persistence."""
    persistence = table.column("persistence_loss", "validation")
    known = persistence[np.isfinite(persistence)]
    return figures.loss_figure(
        curve(table, view, "loss"),
        curve(table, view, "loss", "validation"),
        smoothed=curve(table, view, "loss", smoothing=view.smoothing) if view.smoothing else None,
        persistence=float(known[-1]) if known.size else None,
        log_y=view.log,
        x_title=view.x_title,
    )


def variables_chart(table: MetricsTable, view: View) -> Plan:
    """The loss of every variable, the mean over its levels where it has levels."""
    shown = _chosen(table, view)
    series, most = series_of(table), points(len(shown))
    curves = {
        variable: series.mean(view.axis, names, view.split, max_points=most, within=view.within)
        for variable, names in shown.items()
    }
    return figures.variable_losses_figure(
        curves, split=SPLIT_WORDS[view.split], x_title=view.x_title
    )


def levels_chart(table: MetricsTable, view: View) -> Plan | None:
    """The loss of every variable on every level."""
    series = series_of(table)
    losses = {
        row: series.means(view.axis, name, _LEVEL_BINS, view.split)
        for row, name in levels_of(table, view).items()
    }
    if not losses:
        return None
    return level_losses_figure(losses, split=SPLIT_WORDS[view.split], x_title=view.x_title)


def leads_chart(table: MetricsTable, view: View) -> Plan | None:
    """Validation loss by lead time, where forecasts of several are trained on."""
    leads = _leads(table)
    if not leads:
        return None
    curves = {hours: curve(table, view, name, "validation") for hours, name in leads}
    return lead_losses_figure(curves, log_y=view.log, x_title=view.x_title)


def parts_chart(table: MetricsTable, view: View) -> Plan | None:
    """Validation loss by part, where a mix of data is trained on."""
    names = [n for n in table.names("validation") if n.startswith(_PART) and n.endswith("/loss")]
    if not names:
        return None
    return curves_figure(
        {
            name.removeprefix(_PART).removesuffix("/loss"): curve(
                table, view, name, "validation", num_curves=len(names)
            )
            for name in names
        },
        title="Validation loss by part of the mix",
        y_title="Normalised loss",
        x_title=view.x_title,
        log_y=view.log,
        markers=True,
    )


def by_variable(columns: Iterable[str]) -> dict[str, list[str]]:
    """The columns of losses by variable; those of its levels where it has levels."""
    names: dict[str, list[str]] = {}
    for name in columns:
        if name.startswith(_LOSS):
            names.setdefault(name.split("/")[1], []).append(name)
    return names


def levels_of(table: MetricsTable, view: View) -> dict[tuple[str, float], str]:
    """The columns of losses on levels, by variable and level (hPa)."""
    return {
        (variable, float(name.split("/")[2])): name
        for variable, names in _chosen(table, view).items()
        for name in names
        if name.count("/") == _SLASHES_OF_LEVEL
    }


def _chosen(table: MetricsTable, view: View) -> dict[str, list[str]]:
    found = by_variable(table.names(view.split))
    if view.variables is None:
        return found
    return {name: columns for name, columns in found.items() if name in view.variables}


def _leads(table: MetricsTable) -> list[tuple[int, str]]:
    """Lead times in hours and what their losses are called; the first and last of many."""
    names = [name for name in table.names("validation") if name.startswith(_LEAD)]
    leads = sorted((int(name.removeprefix(_LEAD)), name) for name in names)
    if len(leads) <= _MOST_LEADS:
        return leads
    chosen = np.linspace(0, len(leads) - 1, _MOST_LEADS).round().astype(int)
    return [leads[index] for index in chosen]
