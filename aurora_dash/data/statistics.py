"""Mean and standard deviation of a variable, in one pass over any amount of data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from aurora_dash.data.infill import without_filled
from aurora_dash.data.reading import read_values, time_blocks
from aurora_dash.errors import DataError
from aurora_dash.variables import Group, split_key


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation (of the population) of what was counted."""

    mean: float = math.nan
    std: float = math.nan
    count: int = 0
    """How many finite values went in."""
    num_missing: int = 0
    """How many were NaN or infinite and left out."""

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Of all finite `values`, in double precision."""
        flat = np.array(values, dtype=np.float64).ravel()
        with np.errstate(invalid="ignore"):
            mean = float(flat.mean()) if flat.size else math.nan
        if math.isfinite(mean):
            # No value is missing: nothing need be picked out.
            flat -= mean
            return cls(mean, math.sqrt(float(flat @ flat) / flat.size), flat.size)
        finite = flat[np.isfinite(flat)]
        num_missing = flat.size - finite.size
        if finite.size == 0:
            return cls(num_missing=num_missing)
        mean = float(finite.mean())
        return cls(mean, float(np.sqrt(np.mean((finite - mean) ** 2))), finite.size, num_missing)

    def merge(self, other: Moments) -> Moments:
        """Of both together (Chan, Golub and LeVeque 1979, updating formula for two samples)."""
        num_missing = self.num_missing + other.num_missing
        if self.count == 0 or other.count == 0:
            some = self if self.count else other
            return Moments(some.mean, some.std, some.count, num_missing)
        count = self.count + other.count
        difference = other.mean - self.mean
        mean = self.mean + difference * (other.count / count)
        squares = self.std**2 * self.count + other.std**2 * other.count
        squares += difference**2 * (self.count / count) * other.count
        return Moments(mean, math.sqrt(squares / count), count, num_missing)


def merge_moments(found: Iterable[Mapping[str, Moments]]) -> dict[str, Moments]:
    """Moments of several data sets together, key by key: each weighs by its count."""
    merged: dict[str, Moments] = {}
    for moments in found:
        for key, one in moments.items():
            merged[key] = merged[key].merge(one) if key in merged else one
    return merged


def level_key(name: str, level: float) -> str:
    """Aurora's key for the statistics of an atmospheric variable on a level: ``z_500``.

    As `aurora.normalisation.level_to_str`: three decimals, an integer where it is one, and an
    underscore for the decimal point.
    """
    rounded = round(float(level), 3)
    text = str(int(rounded) if rounded.is_integer() else rounded).replace(".", "_")
    return f"{name}_{text}"


def _as_it_is(values: ArrayLike) -> ArrayLike:
    return values


def variable_statistics(
    dataset: xr.Dataset,
    key: str,
    *,
    time_indices: Sequence[int] | None = None,
    transform: Callable[[ArrayLike], ArrayLike] = _as_it_is,
) -> dict[str, Moments]:
    """Moments of a variable of a canonical dataset, under Aurora's keys.

    ``name`` for surface and static, ``name_<level>`` for each level of an atmospheric variable.
    `time_indices` limits them to the times trained on; None takes all. They are those of what
    `transform` makes of the values. What a remedy filled in is no measurement and left out. Reads a
    bounded part of the data at once. `DataError` if the variable is not there or has no finite
    value.
    """
    group, name = split_key(key)
    if key not in dataset:
        known = ", ".join(str(k) for k in dataset.data_vars)
        raise DataError(f"There is no {key} in the data.", remedy=f"It has {known}.")
    array = dataset[key]
    if group is Group.STATIC:
        found = {name: Moments.of(transform(without_filled(read_values(array), array)))}
    else:
        levels = array["level"].values.tolist() if group is Group.ATMOSPHERIC else [None]
        keys = [name if level is None else level_key(name, level) for level in levels]
        found = _over_time(array, keys, time_indices, transform)
    for statistics_key, moments in found.items():
        if moments.count == 0:
            raise DataError(
                f"{statistics_key} has no finite value in the chosen times, so no statistics.",
                remedy="Choose times in which it is not missing, or type mean and std.",
            )
    return found


def _over_time(
    array: xr.DataArray,
    keys: Sequence[str],
    time_indices: Sequence[int] | None,
    transform: Callable[[ArrayLike], ArrayLike],
) -> dict[str, Moments]:
    num_times = array.sizes["time"]
    indices = np.arange(num_times) if time_indices is None else np.unique(time_indices)
    totals = dict.fromkeys(keys, Moments())
    for chosen, block in time_blocks(array, indices.astype(np.intp)):
        values = without_filled(block, array, chosen)
        layers = values[:, np.newaxis] if array.ndim == 3 else values
        for position, key in enumerate(keys):
            totals[key] = totals[key].merge(Moments.of(transform(layers[:, position])))
    return totals
