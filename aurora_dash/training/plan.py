"""What a spec means for given data: which samples, and how many steps."""

from __future__ import annotations

import xarray as xr

from aurora_dash.data.plan import split_times, windows_of
from aurora_dash.data.windows import Split
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec
from aurora_dash.training.order import Order


def split_of(spec: RunSpec, dataset: xr.Dataset) -> Split:
    """The samples of a canonical dataset to train on and to validate with."""
    times = dataset["time"].values
    split = split_times(spec, times)
    if not split.train:
        raise DataError(
            f"No sample is left to train on: {len(times)} times give "
            f"{len(windows_of(spec, times))} samples, "
            f"{len(split.validation)} of them for validation.",
            remedy="Add times, or keep less for validation (data.validation_fraction, "
            "data.validation_start and data.validation_end, data.gap_hours).",
        )
    return split


def total_steps_of(spec: RunSpec, order: Order) -> int:
    """Number of optimiser steps of the whole run."""
    if spec.training.steps is not None:
        return spec.training.steps
    batches = (spec.training.epochs or 1) * order.steps_per_epoch
    return -(-batches // spec.training.accumulate)
