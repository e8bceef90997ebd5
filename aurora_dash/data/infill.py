"""Missing values filled from their neighbours, lazily, a block of times at once.

What was filled is kept beside the values, as a lazy mask that follows every later selection: a
coordinate ``infilled_<variable>`` of the dataset. So a truth is never made up: `hide_filled` makes
the values of a target missing again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from aurora_dash.data.reading import Values, read_values

_PREFIX = "infilled_"
_CIRCLE = 360.0

Fill = Callable[[xr.DataArray, NDArray[np.intp], Values], Values]


def filled_of(array: xr.DataArray) -> xr.DataArray | None:
    """The mask of values of a dataset's variable that were missing in the source, or None."""
    name = f"{_PREFIX}{array.name}"
    return array.coords[name].reset_coords(drop=True) if name in array.coords else None


def masks_of(dataset: xr.Dataset, keys: Iterable[str]) -> dict[str, xr.DataArray]:
    """Masks of what was filled of the variables `keys`, under the names that `hide_filled` knows;
    none for those of which nothing was."""
    masks = {f"{_PREFIX}{key}": filled_of(dataset[key]) for key in keys}
    return {name: mask for name, mask in masks.items() if mask is not None}


def hide_filled(step: Mapping[str, Values]) -> dict[str, Values]:
    """A step as a target: what was filled in is missing again, as it is in truth."""
    hidden = dict(step)
    for name in step:
        if name.startswith(_PREFIX):
            key, mask = name.removeprefix(_PREFIX), hidden.pop(name)
            hidden[key] = np.where(mask, np.float32(np.nan), step[key])
    return hidden


def without_filled(
    values: Values, array: xr.DataArray, times: NDArray[np.intp] | None = None
) -> Values:
    """Values of a variable, at some `times` or all, with what was filled in missing again."""
    mask = filled_of(array)
    if mask is None:
        return values
    chosen = mask if times is None else mask.isel(time=times)
    return np.where(read_values(chosen), np.float32(np.nan), values)


def infill_time(
    dataset: xr.Dataset, key: str, *, max_hours: float, circular: bool = False
) -> xr.Dataset:
    """Fill each point of a variable linearly between the times around, if both are near enough."""
    hours = dataset["time"].values.astype("datetime64[ns]").astype(np.int64) / 3.6e12
    fill = partial(_between_times, hours=hours, max_hours=max_hours, circular=circular)
    return _with_filled(dataset, key, fill)


def infill_space(
    dataset: xr.Dataset, key: str, *, categorical: bool = False, circular: bool = False
) -> xr.Dataset:
    """Fill the missing points of every field from the nearest known ones in the four directions."""
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    fill = partial(
        _from_around,
        latitude=latitude,
        longitude=longitude,
        categorical=categorical,
        circular=circular,
    )
    return _with_filled(dataset, key, fill)


def _with_filled(dataset: xr.Dataset, key: str, fill: Fill) -> xr.Dataset:
    array = dataset[key]
    earlier = filled_of(array)
    plain = array.reset_coords(drop=True)
    values = _lazily(plain, partial(_filled, plain, fill), np.float32)
    # What an earlier infill filled is still known to be so.
    mask = _lazily(plain, partial(_missing, plain), np.bool_) if earlier is None else earlier.data
    name = f"{_PREFIX}{key}"
    return dataset.assign({key: (array.dims, values, array.attrs)}).assign_coords(
        {name: (array.dims, mask)}
    )


def _lazily(
    array: xr.DataArray, block: Callable[[NDArray[np.intp]], NDArray[Any]], dtype: type
) -> Any:
    """A dask array of the shape of `array`, made by `block` from positions in time."""
    if "time" not in array.dims:
        once = delayed(_static_block)(block)
        return da.from_delayed(once, array.shape, dtype=dtype)  # type: ignore[no-untyped-call]
    chunks = array.chunks[0] if array.chunks else (1,) * array.sizes["time"]
    positions: Any = da.arange(array.sizes["time"], chunks=(chunks,), dtype=np.intp)
    return positions.map_blocks(
        block,
        new_axis=list(range(1, array.ndim)),
        chunks=(chunks, *((size,) for size in array.shape[1:])),
        dtype=dtype,
        meta=np.empty((0,) * array.ndim, dtype),
    )


def _static_block(block: Callable[[NDArray[np.intp]], NDArray[Any]]) -> NDArray[Any]:
    values: NDArray[Any] = block(np.zeros(1, np.intp))[0]
    return values


def _read(array: xr.DataArray, positions: NDArray[np.intp]) -> Values:
    if "time" not in array.dims:
        return read_values(array)[np.newaxis]
    return read_values(array.isel(time=positions))


def _missing(array: xr.DataArray, positions: NDArray[np.intp]) -> NDArray[np.bool_]:
    return ~np.isfinite(_read(array, positions))


def _filled(array: xr.DataArray, fill: Fill, positions: NDArray[np.intp]) -> Values:
    values = _read(array, positions)
    return values if np.isfinite(values).all() else fill(array, positions, values)


def _between_times(
    array: xr.DataArray,
    positions: NDArray[np.intp],
    values: Values,
    *,
    hours: NDArray[np.float64],
    max_hours: float,
    circular: bool,
) -> Values:
    result = values.copy()
    for offset, position in enumerate(positions):
        missing = ~np.isfinite(values[offset])
        if not missing.any():
            continue
        sides = [
            _nearest_known(array, around, hours, int(position), missing)
            for around in (_steps(hours, int(position), way, max_hours) for way in (-1, 1))
        ]
        (before, before_hours), (after, after_hours) = sides
        known = missing & np.isfinite(before) & np.isfinite(after)
        share = before_hours[known] / (before_hours[known] + after_hours[known])
        change = after[known] - before[known]
        if circular:
            change = (change + _CIRCLE / 2) % _CIRCLE - _CIRCLE / 2
        between = before[known] + share * change
        result[offset][known] = between % _CIRCLE if circular else between
    return result


def _steps(hours: NDArray[np.float64], position: int, way: int, max_hours: float) -> Iterator[int]:
    """Positions before or after one, nearest first, as far as is near enough."""
    step = position + way
    while 0 <= step < hours.size and abs(hours[step] - hours[position]) <= max_hours:
        yield step
        step += way


def _nearest_known(
    array: xr.DataArray,
    steps: Iterator[int],
    hours: NDArray[np.float64],
    position: int,
    missing: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each missing point the nearest known value among `steps`, and how many hours away."""
    found = np.full(missing.shape, np.nan)
    away = np.full(missing.shape, np.nan)
    for step in steps:
        open_points = missing & np.isnan(found)
        if not open_points.any():
            break
        values = _read(array, np.array([step], np.intp))[0]
        now = open_points & np.isfinite(values)
        found[now] = values[now]
        away[now] = abs(hours[step] - hours[position])
    return found, away


def _from_around(
    array: xr.DataArray,
    positions: NDArray[np.intp],
    values: Values,
    *,
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    categorical: bool,
    circular: bool,
) -> Values:
    shape = values.shape
    fields = values.reshape(-1, *shape[-2:]).copy()
    for layer in fields:
        known = np.isfinite(layer)
        # A field without any value is left; otherwise each turn fills all rows that have one.
        while known.any() and not known.all():
            layer[...] = _one_turn(layer, known, latitude, longitude, categorical, circular)
            known = np.isfinite(layer)
    return fields.reshape(shape)


def _one_turn(
    layer: Values,
    known: NDArray[np.bool_],
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    categorical: bool,
    circular: bool,
) -> Values:
    width = np.maximum(np.cos(np.deg2rad(latitude)), 0.01)
    turns = 360.0 if _is_global(longitude) else None
    candidates = [
        *_along(layer, known, longitude, turns),
        *((v.T, d.T) for v, d in _along(layer.T, known.T, -latitude, None)),
    ]
    near = np.stack([value for value, _ in candidates])
    away = np.stack([distance for _, distance in candidates])
    away[:2] *= width[:, np.newaxis]
    weights = np.where(np.isfinite(near), 1 / np.maximum(away, 1e-9), 0.0)
    if categorical:
        weights = (weights == weights.max(axis=0)) & (weights > 0)
        weights = (weights & (np.cumsum(weights, axis=0) == 1)).astype(np.float64)
    total = weights.sum(axis=0)
    fill = ~known & (total > 0)
    result = layer.copy()
    result[fill] = _mean(np.where(weights > 0, near, 0.0), weights, circular)[fill]
    return result


def _mean(
    values: NDArray[np.float64], weights: NDArray[np.float64], circular: bool
) -> NDArray[np.float64]:
    total = np.maximum(weights.sum(axis=0), 1e-30)
    if not circular:
        mean: NDArray[np.float64] = (values * weights).sum(axis=0) / total
        return mean
    turned = (weights * np.exp(1j * np.deg2rad(values))).sum(axis=0)
    angle: NDArray[np.float64] = np.rad2deg(np.angle(turned)) % _CIRCLE
    return angle


def _along(
    layer: NDArray[Any], known: NDArray[np.bool_], axis: NDArray[np.float64], turns: float | None
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Nearest known value before and after each point of every row, and its distance."""
    size = axis.size
    values, there, places = layer.astype(np.float64), known, axis
    if turns is not None:
        values, there = np.tile(values, 3), np.tile(known, 3)
        places = np.concatenate([axis - turns, axis, axis + turns])
    index = np.arange(places.size)
    before = np.maximum.accumulate(np.where(there, index, -1), axis=1)
    after = np.minimum.accumulate(np.where(there, index, index.size)[:, ::-1], axis=1)[:, ::-1]
    result = []
    for nearest, exists in ((before, before >= 0), (after, after < index.size)):
        safe = np.clip(nearest, 0, index.size - 1)
        value = np.where(exists, np.take_along_axis(values, safe, axis=1), np.nan)
        distance = np.where(exists, np.abs(places[safe] - places), np.nan)
        part = slice(size, 2 * size) if turns is not None else slice(None)
        result.append((value[:, part], distance[:, part]))
    return result


def _is_global(longitude: NDArray[np.float64]) -> bool:
    if longitude.size < 3:
        return False
    step = float(np.median(np.diff(longitude)))
    return bool(longitude[0] + 360 - longitude[-1] < 1.5 * step)
