"""Parts of a canonical dataset for the eye: a field, a series at a point, a sample, its coverage.

Each reads a bounded part, whatever the size of the data; a series also takes bounded time, as a
point may cost the decoding of a whole globe.
"""

from __future__ import annotations

import math
import time as clock
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.reading import Values, read_values
from aurora_dash.data.times import Times, hours_between

MAX_SERIES_TIMES = 400
MAX_SAMPLE_VALUES = 200_000
_SAMPLE_TIMES = 8
_FIRST_TIMES = 8
_SERIES_SECONDS = 6.0
_DAYS_BY_MONTH = 3 * 366


@dataclass(frozen=True, kw_only=True)
class Series:
    """A variable at the grid point nearest to a place."""

    times: NDArray[np.datetime64]
    values: Values
    latitude: float
    longitude: float
    stride: int
    """Every so-many-th time of the data; 1 for all."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many of the expected times the data has, on a calendar.

    `present` and `expected` have shape (rows, columns); expected is 0 outside the period.
    """

    rows: tuple[str, ...]
    """Months such as ``2025-06``, or years for a long period."""
    columns: tuple[str, ...]
    """Days of the month, or months of the year."""
    present: NDArray[np.int64]
    expected: NDArray[np.int64]
    step_hours: float

    @property
    def num_missing(self) -> int:
        """How many times the period lacks."""
        return int((self.expected - self.present).clip(min=0).sum())


def field(dataset: xr.Dataset, key: str, *, level: float | None, time: int) -> Values:
    """One field (H, W) of a variable, in physical units; `time` counts only where it has times."""
    array = _at_level(dataset[key], level)
    return read_values(array.isel(time=time) if "time" in array.dims else array)


def point_series(
    dataset: xr.Dataset,
    key: str,
    *,
    level: float | None,
    latitude: float,
    longitude: float,
    seconds: float = _SERIES_SECONDS,
) -> Series:
    """The series (T,) at the grid point nearest to a place in degrees, of at most 400 times.

    Longer data is shown by every n-th time, and so is data that takes long to read: from at most
    8 times on, as many are read between them as about `seconds` allow.
    """
    array = _at_level(dataset[key], level)
    row = int(np.abs(dataset["latitude"].values - latitude).argmin())
    away = (dataset["longitude"].values - longitude + 180) % 360 - 180
    column = int(np.abs(away).argmin())
    point = array.isel(latitude=row, longitude=column)
    positions, values = _as_many_as_fit(point, seconds)
    return Series(
        times=point["time"].values[positions],
        values=values,
        latitude=float(dataset["latitude"].values[row]),
        longitude=float(dataset["longitude"].values[column]),
        stride=int(positions[1] - positions[0]) if positions.size > 1 else 1,
    )


def _as_many_as_fit(point: xr.DataArray, seconds: float) -> tuple[NDArray[np.intp], Values]:
    """Evenly spread times and their values: twice as many each turn, while time is left."""
    size = point.sizes["time"]
    finest = max(1, math.ceil(size / MAX_SERIES_TIMES))
    stride = finest
    while size > stride * _FIRST_TIMES:
        stride *= 2
    begin = clock.monotonic()
    positions = np.arange(0, size, stride)
    values = read_values(point.isel(time=positions))
    # The times between those read so far take about as long as all of these did.
    while stride > finest and 2 * (clock.monotonic() - begin) < seconds:
        stride //= 2
        between = np.arange(stride, size, 2 * stride)
        values = np.concatenate([values, read_values(point.isel(time=between))])
        positions = np.concatenate([positions, between])
    order = np.argsort(positions)
    return positions[order], values[order]


def sample(dataset: xr.Dataset, key: str, *, level: float | None) -> Values:
    """At most about 200,000 values of a variable: a few times, every n-th row and column."""
    array = _at_level(dataset[key], level)
    if "time" in array.dims:
        last = array.sizes["time"] - 1
        times = np.unique(np.linspace(0, last, min(last + 1, _SAMPLE_TIMES)).round().astype(int))
        array = array.isel(time=times)
    stride = max(1, math.ceil(math.sqrt(array.size / MAX_SAMPLE_VALUES)))
    part = slice(None, None, stride)
    return read_values(array.isel(latitude=part, longitude=part))


def coverage(times: Times) -> Coverage | None:
    """Which of the times between the first and the last are there; None for fewer than two.

    The expected step is the most frequent one, in whole seconds. Up to three years are shown by
    day, more by month.
    """
    moments = np.unique(np.asarray(times).astype("datetime64[s]"))
    if moments.size < 2:
        return None
    steps, counts = np.unique(hours_between(moments), return_counts=True)
    step_hours = float(steps[counts.argmax()])
    by_day = (moments[-1] - moments[0]) < np.timedelta64(_DAYS_BY_MONTH, "D")
    outer, inner = ("M", "D") if by_day else ("Y", "M")
    first, last = (moments[i].astype(f"datetime64[{outer}]") for i in (0, -1))
    edges = np.arange(
        first.astype(f"datetime64[{inner}]"), (last + 1).astype(f"datetime64[{inner}]") + 1
    )
    rows = (edges[:-1].astype(f"datetime64[{outer}]") - first).astype(int)
    columns = (edges[:-1] - edges[:-1].astype(f"datetime64[{outer}]").astype(edges.dtype)).astype(
        int
    )

    def calendar(by_cell: NDArray[np.int64]) -> NDArray[np.int64]:
        counted = np.zeros((rows[-1] + 1, 31 if by_day else 12), dtype=np.int64)
        counted[rows, columns] = by_cell
        return counted

    return Coverage(
        rows=tuple(np.arange(first, last + 1).astype(str).tolist()),
        columns=tuple(str(number + 1) for number in range(31 if by_day else 12)),
        present=calendar(np.diff(np.searchsorted(moments, edges.astype("datetime64[s]")))),
        expected=calendar(np.diff(_expected_before(edges, moments, step_hours))),
        step_hours=step_hours,
    )


def _expected_before(
    edges: NDArray[np.datetime64], moments: NDArray[np.datetime64], step_hours: float
) -> NDArray[np.int64]:
    """How many times a step apart there should be before each edge: counted, never made, since a
    few seconds among many years would make billions."""
    step = round(step_hours * 3600)
    since = (edges.astype("datetime64[s]") - moments[0]).astype(np.int64)
    total = int((moments[-1] - moments[0]).astype(np.int64)) // step + 1
    before: NDArray[np.int64] = np.clip(-(-since // step), 0, total)
    return before


def _at_level(array: xr.DataArray, level: float | None) -> xr.DataArray:
    return array if level is None else array.sel(level=level)
