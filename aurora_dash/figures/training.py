"""Charts of a training run, from the columns of its metrics.

Each takes curves, which are pairs of arrays (x, y) of one length: x is the step, the epoch or
whatever `x_title` says. Curves are thinned to a bounded number of points, whatever their length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.theme import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    faint,
    series_style,
    template,
)
from aurora_dash.figures.thinning import DEFAULT_POINTS, thin

Curve = tuple[NDArray[Any], NDArray[Any]]

GROUP_STYLES: Mapping[str, tuple[str, str]] = {
    "total": (GREY, "solid"),
    "new_embeddings": (VERMILION, "solid"),
    "encoder": (BLUE, "solid"),
    "backbone": (GREEN, "solid"),
    "decoder": (PURPLE, "solid"),
    "lora": (ORANGE, "solid"),
    "existing weights": (BLUE, "solid"),
}
"""A parameter group looks the same on every chart."""

_FEW_VALUES = 3
_MANY_CURVES = 6
_GIB = 2**30


def loss_figure(
    train: Curve,
    validation: Curve,
    *,
    smoothed: Curve | None = None,
    persistence: float | None = None,
    log_y: bool = False,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> go.Figure:
    """Training and validation loss, and the loss of repeating the last input.

    With a `smoothed` training loss the raw one lies faint under it.
    """
    figure = _figure("Loss", x_title, "Normalised loss", log_y=log_y)
    _add(figure, "training", train, (BLUE, "solid"), max_points, opacity=0.35 if smoothed else 1)
    if smoothed:
        _add(figure, "training, smoothed", smoothed, (BLUE, "solid"), max_points)
    _add(figure, "validation", validation, (VERMILION, "solid"), max_points, markers=True)
    if persistence is not None:
        _add_level(figure, f"persistence {persistence:.4g}", persistence, (train, validation))
    return figure.figure()


def variable_losses_figure(
    losses: Mapping[str, Curve],
    *,
    log_y: bool = True,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> go.Figure:
    """Share of each variable (``2t``, ``z/850``) in the loss; `max_points` are for all together."""
    figure = _figure("Loss by variable", x_title, "Normalised loss", log_y=log_y)
    each = max(64, max_points // max(1, len(losses)))
    for index, (name, curve) in enumerate(losses.items()):
        _add(figure, name, curve, series_style(index), each)
    if len(losses) > _MANY_CURVES:
        figure.layout["legend"] = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}
    return figure.figure()


def gradient_norm_figure(
    norms: Mapping[str, Curve],
    *,
    clip: float | None = None,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> go.Figure:
    """Gradient norms before clipping, ``total`` and by parameter group, and where clipping sets in.

    A norm of exactly zero (a frozen group) has no place on a logarithmic axis and is left out.
    """
    figure = _figure("Gradient norm before clipping", x_title, "L2 norm", log_y=True)
    for index, (name, curve) in enumerate(norms.items()):
        _add(figure, _words(name), curve, _group_style(name, index), max_points)
    if clip is not None:
        _add_level(figure, f"clipped at {clip:g}", clip, tuple(norms.values()))
    return figure.figure()


def learning_rate_figure(
    rates: Mapping[str, Curve], *, x_title: str = "Step", max_points: int = DEFAULT_POINTS
) -> go.Figure:
    """Learning rate of each parameter group."""
    figure = _figure("Learning rate", x_title, "Learning rate")
    for index, (name, curve) in enumerate(rates.items()):
        _add(figure, _words(name), curve, _group_style(name, index), max_points)
    figure.layout["yaxis"] |= {"rangemode": "tozero", "exponentformat": "power"}
    return figure.figure()


def weight_norm_figure(
    norms: Mapping[str, Curve], *, x_title: str = "Step", max_points: int = DEFAULT_POINTS
) -> go.Figure:
    """Norms of the trained weights by parameter group and new variable."""
    figure = _figure("Weight norm", x_title, "L2 norm", log_y=True)
    for index, (name, curve) in enumerate(norms.items()):
        _add(figure, _words(name), curve, _group_style(name, index), max_points)
    return figure.figure()


def update_ratio_figure(
    ratios: Mapping[str, Curve], *, x_title: str = "Step", max_points: int = DEFAULT_POINTS
) -> go.Figure:
    """How much a step changes weights, against the weights: about 1e-3 is usual."""
    figure = _figure("Update against weights", x_title, "Ratio of norms", log_y=True)
    for index, (name, curve) in enumerate(ratios.items()):
        _add(figure, _words(name), curve, _group_style(name, index), max_points)
    return figure.figure()


def step_time_figure(
    step_seconds: Curve,
    data_seconds: Curve,
    *,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> go.Figure:
    """Seconds a step takes, and how many of them it waits for data."""
    figure = _figure("Step time", x_title, "Seconds")
    _add(figure, "whole step", step_seconds, (BLUE, "solid"), max_points)
    _add(figure, "waiting for data", data_seconds, (ORANGE, "solid"), max_points, fill=True)
    figure.layout["yaxis"] |= {"rangemode": "tozero"}
    return figure.figure()


def memory_figure(
    memory_bytes: Curve,
    *,
    capacity_bytes: float | None = None,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> go.Figure:
    """Memory in use, and the machine's where `capacity_bytes` names it."""
    figure = _figure("Memory", x_title, "GiB")
    used = (memory_bytes[0], memory_bytes[1] / _GIB)
    _add(figure, "in use", used, (SKY, "solid"), max_points, fill=True)
    if capacity_bytes is not None:
        capacity = capacity_bytes / _GIB
        _add_level(figure, f"{capacity:.3g} GiB there", capacity, (memory_bytes,))
    figure.layout["yaxis"] |= {"rangemode": "tozero"}
    return figure.figure()


def smoothed(values: NDArray[Any], weight: float) -> NDArray[np.float64]:
    """Exponential mean (N,) without the bias of a start at zero, as TensorBoard has it.

    Gaps stay gaps, and a value that is not finite is passed over. `weight` in [0, 1) is the share
    of the past: 0.9 averages over about the last ten values.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"smoothing must be at least 0 and below 1, got {weight}")
    finite = np.isfinite(values)
    series = pd.Series(np.where(finite, values, np.nan))
    mean = series.ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean().to_numpy(np.float64)
    return np.where(finite, mean, np.nan)


def _figure(title: str, x_title: str, y_title: str, *, log_y: bool = False) -> _Plan:
    axis: dict[str, Any] = {"title": {"text": y_title}, "type": "log" if log_y else "linear"}
    if log_y:
        axis["tickformat"] = "~g"
    return _Plan(
        layout={
            "template": _template(),
            "title": {"text": title},
            "showlegend": True,
            "xaxis": {"title": {"text": x_title}},
            "yaxis": axis,
        }
    )


@cache
def _template() -> dict[str, Any]:
    plain: dict[str, Any] = template().to_plotly_json()
    return plain


@dataclass(frozen=True)
class _Plan:
    """A figure as plain data: Plotly's own objects check every value, at ten times the cost."""

    layout: dict[str, Any]
    data: list[dict[str, Any]] = field(default_factory=list)

    def figure(self) -> go.Figure:
        """The figure, or words in the place of bare axes where it has nothing to show."""
        if not self.data:
            hidden = {"visible": False}
            words = {
                "text": "Nothing recorded yet",
                "x": 0.5,
                "y": 0.5,
                "xref": "paper",
                "yref": "paper",
                "showarrow": False,
            }
            axes = {axis: self.layout[axis] | hidden for axis in ("xaxis", "yaxis")}
            self.layout.update(axes, annotations=[words])
        return go.Figure({"data": self.data, "layout": self.layout}, _validate=False)


def _add(
    figure: _Plan,
    name: str,
    curve: Curve,
    style: tuple[str, str],
    max_points: int,
    *,
    markers: bool = False,
    fill: bool = False,
    opacity: float = 1,
) -> None:
    """Draw a curve; nothing where it has no point yet."""
    x, y = thin(*curve, max_points)
    num_values = np.isfinite(y).sum()
    if not num_values:
        return
    colour, dash = style
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": name,
        "x": _compact(x),
        "y": y.astype(np.float32),
        "mode": "lines+markers" if markers or num_values < _FEW_VALUES else "lines",
        "line": {"color": faint(colour, opacity), "dash": dash, "width": 1.5},
        "marker": {"color": colour, "size": 7},
        "hovertemplate": "%{y:.4~g}",
        "connectgaps": False,
    }
    if fill:
        trace |= {"fill": "tozeroy", "fillcolor": faint(colour, 0.25)}
    figure.data.append(trace)


def _compact(x: NDArray[Any]) -> NDArray[Any]:
    """Half the bytes: steps as whole numbers, epochs and minutes in single precision."""
    if np.isfinite(x).all() and np.abs(x).max(initial=0) < 2**31 and (x == np.rint(x)).all():
        return x.astype(np.int32)
    return x.astype(np.float32)


def _add_level(figure: _Plan, name: str, value: float, beside: tuple[Curve, ...]) -> None:
    """A dotted horizontal line as long as the curves beside it."""
    ends = [x[index] for x, _ in beside if x.size for index in (0, -1)]
    if not ends:
        return
    figure.data.append(
        {
            "type": "scatter",
            "name": name,
            "x": [float(min(ends)), float(max(ends))],
            "y": [value, value],
            "mode": "lines",
            "line": {"color": GREY, "dash": "dot", "width": 2},
            "hoverinfo": "skip",
        }
    )


def _group_style(name: str, index: int) -> tuple[str, str]:
    return GROUP_STYLES.get(name) or series_style(index)


def _words(name: str) -> str:
    return name.replace("_", " ")
