"""Whether the mean and standard deviation that a person typed are those of the data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr

from aurora_dash.data.findings import Finding
from aurora_dash.data.statistics import Moments, level_key, variable_statistics
from aurora_dash.data.transforms import transformed
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.variables import Group

FARTHEST_MEAN = 0.5
"""In standard deviations: a mean farther away disagrees."""
STD_RATIOS = (0.5, 2.0)
"""Typed over measured: outside these a standard deviation disagrees."""

_MOST_TIMES = 32
_MOST_BYTES = 256 * 2**20


def statistics_findings(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """Warnings where given and measured statistics of new variables disagree.

    Measured on at most 32 times, evenly spread over the data: enough to tell numbers of another
    unit, or of untransformed values, from those of these data.
    """
    for variable in spec.variables:
        key = f"{variable.group.prefix}{variable.name}"
        if variable.has_statistics and key in dataset:
            measured = _measured(dataset, key, variable)
            given = {name: pair for name in measured if (pair := _given(variable, name))}
            odd = [name for name, pair in given.items() if _disagree(pair, measured[name])]
            if odd:
                yield _finding(key, variable, {name: given[name] for name in odd}, measured)


def _measured(dataset: xr.Dataset, key: str, variable: VariableSpec) -> dict[str, Moments]:
    change = partial(transformed, variable=variable)
    try:
        times = None if variable.group is Group.STATIC else _some_times(dataset[key])
        return variable_statistics(dataset, key, time_indices=times, transform=change)
    except DataError:
        # Missing and unreadable values have findings of their own.
        return {}


def _some_times(array: xr.DataArray) -> list[int]:
    num_times = array.sizes["time"]
    affordable = max(1, _MOST_BYTES // max(1, array.nbytes // max(1, num_times)))
    num = min(num_times, _MOST_TIMES, affordable)
    return [int(i) for i in np.unique(np.linspace(0, num_times - 1, num).round())]


def _given(variable: VariableSpec, name: str) -> tuple[float, float] | None:
    """What was given for a statistics key; None for a level that was left out."""
    mean, std = variable.mean, variable.std
    if isinstance(mean, dict) and isinstance(std, dict):
        for level in mean.keys() & std.keys():
            if name == _key_of(variable.name, level):
                return mean[level], std[level]
        return None
    assert isinstance(mean, float)
    assert isinstance(std, float)
    return mean, std


def _key_of(name: str, level: str) -> str | None:
    try:
        return level_key(name, float(level.replace("_", ".")))
    except ValueError:
        return None


def _disagree(given: tuple[float, float], measured: Moments) -> bool:
    mean, std = given
    low, high = STD_RATIOS
    # A field that hardly varies in a few times says nothing about the scale.
    if measured.std == 0:
        return False
    far = abs(mean - measured.mean) > FARTHEST_MEAN * measured.std
    return far or not low <= std / measured.std <= high


def _finding(
    key: str,
    variable: VariableSpec,
    given: dict[str, tuple[float, float]],
    measured: dict[str, Moments],
) -> Finding:
    of = "" if variable.transform == "none" else f" of {variable.transform}-transformed values"
    listed = "; ".join(
        f"{name}: given {mean:.4g} ± {std:.4g}, measured {measured[name].mean:.4g} ± "
        f"{measured[name].std:.4g}"
        for name, (mean, std) in given.items()
    )
    return Finding(
        severity="warning",
        code="statistics-disagree",
        message=f"Mean and standard deviation given for {variable.name} are not those{of} in the "
        f"data ({listed}).",
        remedy="Check the unit, or leave them out to have them computed.",
        variable=key,
    )
