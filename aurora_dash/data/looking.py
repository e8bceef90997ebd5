"""Parts of a canonical dataset for the eye: a field, a series at a point, a sample, its coverage.

Each reads a bounded part, whatever the size of the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.reading import Values, read_values
from aurora_dash.data.times import Times, hours_between

MAX_SERIES_TIMES = 400
MAX_SAMPLE_VALUES = 200_000
_SAMPLE_TIMES = 8
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
    dataset: xr.Dataset, key: str, *, level: float | None, latitude: float, longitude: float
) -> Series:
    """The series (T,) at the grid point nearest to a place in degrees, of at most 400 times.

    Longer data is shown by every n-th time.
    """
    array = _at_level(dataset[key], level)
    stride = max(1, math.ceil(array.sizes["time"] / MAX_SERIES_TIMES))
    row = int(np.abs(dataset["latitude"].values - latitude).argmin())
    away = (dataset["longitude"].values - longitude + 180) % 360 - 180
    column = int(np.abs(away).argmin())
    chosen = array.isel(time=slice(None, None, stride), latitude=row, longitude=column)
    return Series(
        times=chosen["time"].values,
        values=read_values(chosen),
        latitude=float(dataset["latitude"].values[row]),
        longitude=float(dataset["longitude"].values[column]),
        stride=stride,
    )


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

    The expected step is the most frequent one. Up to three years are shown by day, more by month.
    """
    moments = np.asarray(times).astype("datetime64[s]")
    if moments.size < 2:
        return None
    steps, counts = np.unique(hours_between(moments), return_counts=True)
    step_hours = float(steps[counts.argmax()])
    step = np.timedelta64(round(step_hours * 3600), "s")
    wanted = np.arange(moments[0], moments[-1] + np.timedelta64(1, "s"), step)
    by_day = (moments[-1] - moments[0]) < np.timedelta64(_DAYS_BY_MONTH, "D")
    outer = "M" if by_day else "Y"
    first = moments[0].astype(f"datetime64[{outer}]").astype(int)
    num_rows = int(moments[-1].astype(f"datetime64[{outer}]").astype(int) - first) + 1
    shape = (num_rows, 31 if by_day else 12)
    names = np.arange(first, first + num_rows).astype(f"datetime64[{outer}]").astype(str)
    return Coverage(
        rows=tuple(names.tolist()),
        columns=tuple(str(number + 1) for number in range(shape[1])),
        present=_counted(moments, outer, first, shape),
        expected=_counted(wanted, outer, first, shape),
        step_hours=step_hours,
    )


def _counted(
    moments: NDArray[np.datetime64], outer: str, first: int, shape: tuple[int, int]
) -> NDArray[np.int64]:
    inner = "D" if outer == "M" else "M"
    rows = moments.astype(f"datetime64[{outer}]")
    columns = (moments.astype(f"datetime64[{inner}]") - rows.astype(f"datetime64[{inner}]")).astype(
        int
    )
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (rows.astype(int) - first, columns), 1)
    return counts


def _at_level(array: xr.DataArray, level: float | None) -> xr.DataArray:
    return array if level is None else array.sel(level=level)
