"""Charts of a training run, from the columns of its metrics.

Each takes curves as `figures.curves` has them; `log_y` makes the upright axis logarithmic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aurora_dash.figures.curves import Curve, Plan, curves_figure
from aurora_dash.figures.theme import BLUE, GREEN, GREY, ORANGE, VERMILION
from aurora_dash.figures.thinning import DEFAULT_POINTS

_GIB = 2**30
_FEWEST_POINTS = 64


def loss_figure(
    train: Curve,
    validation: Curve,
    *,
    smoothed: Curve | None = None,
    persistence: float | None = None,
    log_y: bool = False,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Training and validation loss, and the loss of repeating the last input.

    With a `smoothed` training loss the raw one lies faint under it.
    """
    plan = Plan.of("Loss", x_title, "Normalised loss", log_y=log_y)
    plan.add("training", train, (BLUE, "solid"), max_points, opacity=0.35 if smoothed else 1)
    if smoothed:
        plan.add("training, smoothed", smoothed, (BLUE, "solid"), max_points)
    plan.add("validation", validation, (VERMILION, "solid"), max_points, markers=True)
    if persistence is not None:
        plan.add_level(f"persistence {persistence:.4g}", persistence, (train, validation))
    return plan


def variable_losses_figure(
    losses: Mapping[str, Curve],
    *,
    split: str = "training",
    log_y: bool = True,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Share of each variable (``2t``, ``z/850``) in the loss; `max_points` are for all together."""
    return curves_figure(
        losses,
        title=f"Loss by variable, {split}",
        y_title="Normalised loss",
        x_title=x_title,
        log_y=log_y,
        markers=split == "validation",
        max_points=max(_FEWEST_POINTS, max_points // max(1, len(losses))),
    )


def total_norm_figure(
    before: Curve,
    clipped: Curve,
    *,
    clip: float | None = None,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Norm of all gradients before clipping and after it, and where clipping sets in.

    A norm of exactly zero (a frozen group) has no place on a logarithmic axis and is left out.
    """
    plan = Plan.of("Gradient norm", x_title, "L2 norm", log_y=True)
    plan.add("before clipping", before, (GREY, "solid"), max_points)
    plan.add("after clipping", clipped, (GREEN, "solid"), max_points)
    if clip is not None:
        plan.add_level(f"clipped at {clip:g}", clip, (before,))
    return plan


def group_norms_figure(
    norms: Mapping[str, Curve],
    *,
    when: str,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Gradient norms by parameter group and new variable, ``before clipping`` or after it."""
    return curves_figure(
        norms,
        title=f"Gradient norm by group, {when}",
        y_title="L2 norm",
        x_title=x_title,
        log_y=True,
        max_points=max_points,
    )


def learning_rate_figure(
    rates: Mapping[str, Curve],
    *,
    log_y: bool = False,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Learning rate of each parameter group."""
    plan = curves_figure(
        rates,
        title="Learning rate",
        y_title="Learning rate",
        x_title=x_title,
        log_y=log_y,
        from_zero=True,
        max_points=max_points,
    )
    plan.frame["yaxis"]["exponentformat"] = "power"
    return plan


def weight_norm_figure(
    norms: Mapping[str, Curve], *, x_title: str = "Step", max_points: int = DEFAULT_POINTS
) -> Plan:
    """Norms of the trained weights by parameter group and new variable."""
    return curves_figure(
        norms,
        title="Weight norm",
        y_title="L2 norm",
        x_title=x_title,
        log_y=True,
        max_points=max_points,
    )


def update_ratio_figure(
    ratios: Mapping[str, Curve], *, x_title: str = "Step", max_points: int = DEFAULT_POINTS
) -> Plan:
    """How much a step changes weights, against the weights: about 1e-3 is usual."""
    return curves_figure(
        ratios,
        title="Update against weights",
        y_title="Ratio of norms",
        x_title=x_title,
        log_y=True,
        max_points=max_points,
    )


def step_time_figure(
    step_seconds: Curve,
    data_seconds: Curve,
    save_seconds: Curve,
    *,
    log_y: bool = False,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Seconds a step takes, how many of them it waits for data, and how long training stood still
    for checkpoints."""
    plan = Plan.of("Step time", x_title, "Seconds", log_y=log_y, from_zero=True)
    plan.add("whole step", step_seconds, (BLUE, "solid"), max_points)
    plan.add("waiting for data", data_seconds, (ORANGE, "solid"), max_points, fill=not log_y)
    plan.add("pause for a checkpoint", save_seconds, (VERMILION, "dot"), max_points, markers=True)
    return plan


def memory_figure(
    memory_bytes: Mapping[str, Curve],
    *,
    title: str = "Memory",
    capacity_bytes: float | None = None,
    log_y: bool = False,
    x_title: str = "Step",
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """Memory by what it is, and how much there is where `capacity_bytes` says so."""
    plan = Plan.of(title, x_title, "GiB", log_y=log_y, from_zero=True)
    plan.add_all({name: (x, y / _GIB) for name, (x, y) in memory_bytes.items()}, max_points)
    if capacity_bytes is not None:
        capacity = capacity_bytes / _GIB
        plan.add_level(f"{capacity:.3g} GiB there", capacity, memory_bytes.values())
    return plan


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
