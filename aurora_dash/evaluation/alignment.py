"""Fields of other people's files on the levels and the grid of an evaluation. Free of models.

Nothing is interpolated: what is not there at a place, a level or a time is refused in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from aurora_dash.data.axes import describe_grid, standard_grid, standard_level
from aurora_dash.data.meaning import meanings_of
from aurora_dash.data.places import Place
from aurora_dash.data.readers import read_plain
from aurora_dash.data.reading import read_values
from aurora_dash.data.units import Conversion, conversion
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.targets import Target
from aurora_dash.variables import Group, find

_DEGREES = 1e-3
_HECTOPASCAL = 1e-2


@dataclass(frozen=True)
class Aligned:
    """A variable of a file, cut to the levels and the grid; its values are still in the file."""

    array: xr.DataArray
    """(..., [level,] latitude, longitude) in the file's unit."""
    unit: Conversion

    def read(self, array: xr.DataArray) -> Tensor:
        """Values of a selection of `array` in the unit of the variable table, float32."""
        levels = ("level",) if "level" in array.dims else ()
        ordered = array.transpose(..., *levels, "latitude", "longitude")
        values = np.array(read_values(ordered), np.float32)
        return torch.from_numpy(
            values * np.float32(self.unit.factor) + np.float32(self.unit.offset)
        )


def open_foreign(place: Place) -> list[xr.Dataset]:
    """All of a file, with level, latitude and longitude as this project has them; lazily."""
    datasets = []
    for dataset in read_plain(place):
        for standardise in (standard_level, standard_grid):
            dataset, _ = standardise(dataset, place.name)
        datasets.append(dataset)
    return datasets


def align(datasets: list[xr.Dataset], layout: Layout, place: Place) -> Mapping[str, Aligned]:
    """The scored variables that a file has, by canonical name.

    `EvaluationError` if it has one of them on other levels, on another grid, or in a unit that
    is not known to be convertible.
    """
    # What the table does not know is called in the file as it is in the run.
    aliases = {
        target.name: (target.group, target.name)
        for target in layout.targets
        if find(target.name, target.group) is None
    }
    by_key = {target.key: target for target in layout.targets}
    found: dict[str, Aligned] = {}
    for dataset in datasets:
        for name, variables in meanings_of(dataset, aliases).items():
            for variable in variables:
                target = by_key.get(variable.key)
                if target is not None and variable.key not in found:
                    found[variable.key] = _aligned(dataset[name], target, layout, place)
    return found


def _aligned(array: xr.DataArray, target: Target, layout: Layout, place: Place) -> Aligned:
    label = f"{place.name}: {array.name}"
    unit = str(array.attrs.get("units", "")).strip()
    how = conversion(unit, target.unit) if unit else Conversion(1.0, 0.0)
    if how is None:
        raise EvaluationError(
            f"{label} is in {unit!r}, which can't be converted to {target.unit}.",
            remedy="Convert the file, or name other variables to score.",
        )
    if target.group is Group.ATMOSPHERIC:
        array = _chosen(array, "level", np.array(layout.levels), _HECTOPASCAL, label)
    for dim, wanted in (("latitude", layout.latitudes), ("longitude", layout.longitudes)):
        array = _chosen(array, dim, wanted, _DEGREES, label)
    return Aligned(array, how)


def _chosen(
    array: xr.DataArray, dim: str, wanted: NDArray[np.float64], within: float, label: str
) -> xr.DataArray:
    """The wanted places of an axis, in the wanted order."""
    if dim not in array.dims:
        raise EvaluationError(f"{label} has no {dim}.", remedy="Give a file of gridded fields.")
    known = array[dim].values.astype(np.float64)
    nearest = np.abs(known[None] - wanted[:, None]).argmin(axis=1)
    distance = np.abs(known[nearest] - wanted)
    if distance.max() > within:
        missing = ", ".join(f"{value:g}" for value in wanted[distance > within][:4])
        has = (
            f"the levels {', '.join(f'{value:g}' for value in known)} hPa"
            if dim == "level"
            else "the grid " + describe_grid(array["latitude"].values, array["longitude"].values)
        )
        raise EvaluationError(
            f"{label} has no {dim} {missing}; it has {has}.",
            remedy="Nothing is interpolated: give a file on the grid and the levels of the data, "
            "or choose the data's levels and region to match.",
        )
    return array.isel({dim: nearest})
