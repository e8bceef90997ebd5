"""Weights in the loss that the data suggests: as much for a variable as it is hard to forecast.

The Aurora paper (supplement D) weighs a new variable by its scale over the mean absolute error of
persistence: then repeating the last input costs each variable the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.reading import read_values
from aurora_dash.data.transforms import transformed
from aurora_dash.data.windows import Window
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.variables import Group

_MOST_SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class SuggestedWeight:
    """A weight and what it rests on."""

    name: str
    weight: float
    """Scale over persistence error: 1 / `persistence_error`."""
    persistence_error: float
    """Mean absolute difference of target and newest input, in standard deviations; the mean over
    levels."""
    num_samples: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def suggest_weights(
    spec: RunSpec, dataset: xr.Dataset, windows: Sequence[Window]
) -> tuple[SuggestedWeight, ...]:
    """Weights of the spec's new variables, from at most 64 samples spread over `windows`.

    `spec` must have the statistics of its new variables. Variables that are not both given and
    predicted have no persistence and are left out. `DataError` for one that never changes or has no
    value.
    """
    chosen = _spread(windows)
    return tuple(
        _suggest(variable, dataset, chosen)
        for variable in spec.variables
        if variable.is_given and variable.is_predicted
    )


def _spread(windows: Sequence[Window]) -> list[Window]:
    count = min(len(windows), _MOST_SAMPLES)
    places = np.linspace(0, len(windows) - 1, count).round().astype(int)
    return [windows[place] for place in places]


def _suggest(
    variable: VariableSpec, dataset: xr.Dataset, windows: Sequence[Window]
) -> SuggestedWeight:
    array = dataset[f"{variable.group.prefix}{variable.name}"]
    scale = _scales(variable, array)
    total, count = np.zeros(scale.shape), np.zeros(scale.shape)
    for window in windows:
        before, after = (
            transformed(read_values(array.isel(time=time)), variable)
            for time in (window.inputs[-1], window.targets[0])
        )
        errors = np.abs(after - before)
        total += np.nansum(errors, axis=(-2, -1))
        count += np.isfinite(errors).sum(axis=(-2, -1))
    if not count.all():
        raise DataError(
            f"{variable.name} has no two values one lead time apart on every level, so that no "
            "weight can be suggested.",
            remedy="Choose a period in which it is not missing.",
        )
    error = float(np.mean(total / count / scale))
    if not error > 0:
        raise DataError(
            f"{variable.name} never changes from input to target: no weight can be suggested.",
            remedy="Give it as an input alone (role 'input'), or check the data.",
        )
    return SuggestedWeight(
        name=variable.name, weight=1 / error, persistence_error=error, num_samples=len(windows)
    )


def _scales(variable: VariableSpec, array: xr.DataArray) -> NDArray[np.float64]:
    """Standard deviations, one for each level of an atmospheric variable."""
    if variable.std is None:
        raise DataError(f"{variable.name} has no standard deviation yet.")
    if variable.group is not Group.ATMOSPHERIC:
        return np.asarray(variable.std, dtype=np.float64)
    levels = array["level"].values.tolist()
    if not isinstance(variable.std, dict):
        return np.full(len(levels), float(variable.std))
    by_level = {float(k.replace("_", ".")): v for k, v in variable.std.items()}
    return np.array([by_level[float(level)] for level in levels])
