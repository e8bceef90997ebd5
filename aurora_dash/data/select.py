"""Cut a canonical dataset to the period, levels, region and grid that a model is to see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import xarray as xr

from aurora_dash.data.axes import describe_grid
from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.times import format_time
from aurora_dash.errors import DataError
from aurora_dash.spec import Region
from aurora_dash.variants import Variant

_TOLERANCE = 1e-6

Selected = tuple[xr.Dataset, list[Finding]]


def select_period(dataset: xr.Dataset, start: datetime | None, end: datetime | None) -> Selected:
    """The times from `start` to `end` (time-zone aware, inclusive)."""
    if "time" not in dataset.dims or (start is None and end is None):
        return dataset, []
    times = dataset["time"].values
    first = times[0] if start is None else _as_numpy(start)
    last = times[-1] if end is None else _as_numpy(end)
    chosen = np.flatnonzero((times >= first) & (times <= last))
    if chosen.size == 0:
        raise DataError(
            f"No time lies between {format_time(first)} and {format_time(last)}: the data runs "
            f"from {format_time(times[0])} to {format_time(times[-1])}.",
            remedy="Change data.start and data.end.",
        )
    if chosen.size == times.size:
        return dataset, []
    message = f"{chosen.size} of {times.size} times lie in the chosen period."
    return dataset.isel(time=chosen), [_info("period", message)]


def select_levels(
    dataset: xr.Dataset, levels: Sequence[float] | None, variant: Variant
) -> Selected:
    """The pressure levels asked for (hPa), in the order asked; with None, those the model knows."""
    if "level" not in dataset.dims:
        return dataset, []
    present = dataset["level"].values.tolist()
    if levels is None:
        return _known_levels(dataset, present, variant)
    missing = [level for level in levels if round(level, 3) not in present]
    if missing or not levels:
        raise DataError(
            f"Level {_listed(missing) or 'list'} hPa is not in the data, which has "
            f"{_listed(present)} hPa.",
            remedy="Change data.levels, or give data with these levels.",
        )
    wanted = [round(level, 3) for level in levels]
    if wanted == present:
        return dataset, []
    message = f"Levels {_listed(wanted)} hPa were chosen of {_listed(present)}."
    return dataset.isel(level=[present.index(level) for level in wanted]), [
        _info("levels", message)
    ]


def select_region(dataset: xr.Dataset, region: Region | None) -> Selected:
    """The points in a box, edges included; `DataError` if there are none."""
    if region is None:
        return dataset, []
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    rows = (latitude <= region.north + _TOLERANCE) & (latitude >= region.south - _TOLERANCE)
    columns = _columns(longitude, region.west, region.east)
    if not rows.any() or not columns.any():
        box = f"{region.north:g} to {region.south:g} N, {region.west:g} to {region.east:g} E"
        raise DataError(
            f"No grid point lies in the region {box}: the data has "
            f"{describe_grid(latitude, longitude)}.",
            remedy="Change data.region.",
        )
    chosen = dataset.isel(latitude=np.flatnonzero(rows), longitude=np.flatnonzero(columns))
    message = (
        f"The region has {int(rows.sum())} x {int(columns.sum())} of "
        f"{latitude.size} x {longitude.size} points."
    )
    return chosen, [_info("region", message)]


def crop_to_patches(dataset: xr.Dataset, patch_size: int) -> Selected:
    """Drop the last latitudes and longitudes that don't fill a patch of the model."""
    height, width = dataset.sizes["latitude"], dataset.sizes["longitude"]
    if height < patch_size or width < patch_size:
        raise DataError(
            f"The grid of {height} x {width} points is smaller than one patch of the model "
            f"({patch_size} x {patch_size}).",
            remedy="Give a larger area.",
        )
    new_height, new_width = height // patch_size * patch_size, width // patch_size * patch_size
    if (new_height, new_width) == (height, width):
        return dataset, []
    dropped = [
        f"{name}{'s' if axis.size > 1 else ''} {', '.join(f'{value:g}' for value in axis)}"
        for name, axis in (
            ("latitude", dataset["latitude"].values[new_height:]),
            ("longitude", dataset["longitude"].values[new_width:]),
        )
        if axis.size
    ]
    message = (
        f"The grid of {height} x {width} points was cropped to {new_height} x {new_width}, a "
        f"multiple of the model's patch size {patch_size}: dropped {' and '.join(dropped)}."
    )
    cropped = dataset.isel(latitude=slice(new_height), longitude=slice(new_width))
    return cropped, [_info("cropped", message)]


def _known_levels(dataset: xr.Dataset, present: list[float], variant: Variant) -> Selected:
    known = [i for i, level in enumerate(present) if level in variant.levels]
    unknown = [level for level in present if level not in variant.levels]
    if not unknown:
        return dataset, []
    if not known:
        raise DataError(
            f"The model has no statistics for any of the levels {_listed(present)} hPa.",
            remedy=f"Give data on some of {_listed(variant.levels)} hPa.",
        )
    message = f"Levels {_listed(unknown)} hPa were left out: the model has no statistics for them."
    finding = Finding(
        severity="warning",
        code="levels-unknown",
        message=message,
        remedy="Nothing has to be done; data.levels says which levels to use.",
        where=f"{_listed(unknown)} hPa",
        fixes=(Fix.using_levels([present[i] for i in known]),),
    )
    return dataset.isel(level=known), [finding]


def _columns(longitude: np.ndarray, west: float, east: float) -> np.ndarray:
    if east - west >= 360 - _TOLERANCE:
        return np.ones(longitude.shape, dtype=bool)
    width = (east - west) % 360
    from_west: np.ndarray = (longitude - west) % 360
    # A point just west of the edge by rounding is as good as on it.
    return (from_west <= width + _TOLERANCE) | (from_west >= 360 - _TOLERANCE)


def _as_numpy(moment: datetime) -> np.datetime64:
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(naive, "ns")


def _info(code: str, message: str) -> Finding:
    return Finding(severity="info", code=code, message=message)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
