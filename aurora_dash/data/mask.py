"""A person's own mask: one field, from 0 (does not count) to 1 (counts), in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from aurora_dash.data.axes import describe_grid, standard_grid
from aurora_dash.data.readers import read_file
from aurora_dash.data.reading import read_values
from aurora_dash.data.roots import expand_paths
from aurora_dash.errors import DataError

# Degrees; finer than any grid, coarser than what rounding does to coordinates.
_TOLERANCE = 1e-3

_REMEDY = "Give a NetCDF file with one variable on latitude and longitude, values from 0 to 1."


def read_mask(path: str, *, roots: Sequence[Path] | None = None) -> xr.DataArray:
    """The field (latitude, longitude) of a mask file, its axes in canonical order.

    `DataError` if the file can't be read or holds anything else; `PathError` if it lies outside
    `roots`, where those are given.
    """
    files = expand_paths([path], roots=roots)
    if len(files) != 1:
        raise DataError(f"The mask {path!r} stands for {len(files)} files; expected one.")
    parts, _ = read_file(files[0])
    try:
        names = [str(name) for part in parts for name in part.dataset.data_vars]
        if len(names) != 1:
            raise DataError(
                f"The mask {files[0]} holds {len(names)} variables ({', '.join(names)}); expected "
                "one.",
                remedy=_REMEDY,
            )
        dataset, _ = standard_grid(parts[0].dataset, files[0].name)
        field = dataset[names[0]].squeeze(drop=True)
        if set(field.dims) != {"latitude", "longitude"}:
            raise DataError(
                f"The mask {files[0]} has the dimensions {', '.join(map(str, field.dims))}; "
                "expected latitude and longitude alone.",
                remedy=_REMEDY,
            )
        field = field.transpose("latitude", "longitude")
        values = np.asarray(read_values(field), dtype=np.float64)
    finally:
        for part in parts:
            part.close()
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise DataError(
            f"The mask {files[0]} has values from {values.min():g} to {values.max():g}; expected "
            "0 to 1, and none missing.",
            remedy=_REMEDY,
        )
    return field.copy(data=values)


def mask_on_grid(
    mask: xr.DataArray, latitude: ArrayLike, longitude: ArrayLike
) -> NDArray[np.float64]:
    """The mask (h, w) at the points of a grid; `DataError` if it lacks one of them."""
    rows = _places(np.asarray(latitude, dtype=np.float64), mask["latitude"].values)
    columns = _places(np.asarray(longitude, dtype=np.float64), mask["longitude"].values)
    if rows is None or columns is None:
        own = describe_grid(mask["latitude"].values, mask["longitude"].values)
        raise DataError(
            "The mask's grid does not hold that of the data: the mask has "
            f"{own}; the data has "
            f"{describe_grid(np.asarray(latitude), np.asarray(longitude))}.",
            remedy="Make the mask on the grid of the data.",
        )
    values: NDArray[np.float64] = mask.values[np.ix_(rows, columns)]
    return values


def _places(wanted: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """Where on an axis values are; None if one of them is not there."""
    order = np.argsort(axis)
    right = np.searchsorted(axis[order], wanted).clip(0, axis.size - 1)
    left = (right - 1).clip(0)
    nearer = np.abs(axis[order][left] - wanted) < np.abs(axis[order][right] - wanted)
    places = order[np.where(nearer, left, right)]
    return places if (np.abs(axis[places] - wanted) <= _TOLERANCE).all() else None
