"""What is usual for the day of the year and the hour: from a file, or from the data itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.places import Place
from aurora_dash.data.reading import read_values
from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.alignment import Aligned, align, open_foreign
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.slabs import Fields

FROM_DATA = "data"
_YEAR_DAYS = 365.2425


class Climatology(Protocol):
    """Usual fields at a time."""

    def fields(self, time: np.datetime64) -> Fields:
        """By canonical name, (H, W) or (L, H, W), float32."""


class FileClimatology:
    """A climatology in WeatherBench 2's layout: ``dayofyear`` and, mostly, ``hour``."""

    def __init__(self, place: Place, layout: Layout) -> None:
        """`EvaluationError` if the file lacks a variable, a level or the grid."""
        datasets = open_foreign(place)
        for dataset in datasets:
            if "dayofyear" not in dataset.coords:
                raise EvaluationError(
                    f"{place} is no climatology: it has the dimensions "
                    f"{', '.join(map(str, dataset.dims))} and no dayofyear.",
                    remedy="Give one in WeatherBench 2's layout: hour, dayofyear, level, latitude, "
                    "longitude.",
                )
        self._place = place
        self._fields = align(datasets, layout, place)
        missing = [target.key for target in layout.targets if target.key not in self._fields]
        if missing:
            raise EvaluationError(
                f"{place} has no climatology of {', '.join(missing)}.",
                remedy="Name the variables to score, or take the climatology of the data.",
            )

    def fields(self, time: np.datetime64) -> Fields:
        """Of the hour and the day of the year of `time`."""
        day = (time.astype("M8[D]") - time.astype("M8[Y]")).astype(int) + 1
        hour = (time - time.astype("M8[D]")) // np.timedelta64(1, "h")
        return {
            key: self._at(aligned, int(day), int(hour)) for key, aligned in self._fields.items()
        }

    def _at(self, aligned: Aligned, day: int, hour: int) -> torch.Tensor:
        array = aligned.array
        wanted = {"dayofyear": day, **({"hour": hour} if "hour" in array.dims else {})}
        for dim, value in wanted.items():
            known = array[dim].values
            if value not in known:
                raise EvaluationError(
                    f"{self._place} has no climatology of {dim} {value}; it has "
                    f"{known.min()} to {known.max()}"
                    + (f" ({', '.join(map(str, known))})." if dim == "hour" else "."),
                    remedy="Give a climatology that holds the valid times of the forecasts.",
                )
        return aligned.read(array.sel(wanted))


class HarmonicClimatology:
    """A least-squares fit of the data: a mean for each hour of the day, and the yearly cycle.

    The cycle has two harmonics (a year and half a year) where the times span at least a year, and
    none where they don't, since it could not be told from the weather. Times are read one by one:
    memory grows with the grid and the variables, not with their number.
    """

    HARMONICS = 2

    def __init__(self, dataset: xr.Dataset, times: Sequence[int], layout: Layout) -> None:
        """Fit `dataset` (canonical) at the indices `times`."""
        if not len(times):
            raise EvaluationError("There is no time from which to make a climatology.")
        moments: Times = dataset["time"].values[list(times)]
        span = (moments.max() - moments.min()) / np.timedelta64(1, "D")
        self.num_times, self.span_days = len(times), float(span)
        self._harmonics = self.HARMONICS if span >= _YEAR_DAYS - 1 else 0
        self._hours = np.unique(_hour(moments))
        basis = self._basis(moments)
        # Of many solutions, as where times are few, the smallest.
        solve = np.linalg.pinv(basis)
        self._coefficients = {
            target.key: _fitted(dataset[target.key], times, solve) for target in layout.targets
        }

    def fields(self, time: np.datetime64) -> Fields:
        """The fit at `time`; `EvaluationError` at an hour that the data never had."""
        hour = int(_hour(np.array([time]))[0])
        if hour not in self._hours:
            raise EvaluationError(
                f"The data has no time at {hour:02d} UTC from which to make a climatology.",
                remedy="Give a climatology as a file.",
            )
        factors = torch.from_numpy(self._basis(np.array([time]))[0].astype(np.float32))
        return {
            key: torch.tensordot(factors, coefficients, dims=1)
            for key, coefficients in self._coefficients.items()
        }

    def _basis(self, times: Times) -> NDArray[np.float64]:
        """(times, hours of the day + 2 x harmonics)."""
        means = (_hour(times)[:, None] == self._hours).astype(np.float64)
        days = (times - times.astype("M8[Y]")) / np.timedelta64(1, "D")
        angle = 2 * np.pi * days / _YEAR_DAYS
        waves = [
            wave(number * angle)
            for number in range(1, self._harmonics + 1)
            for wave in (np.cos, np.sin)
        ]
        return np.column_stack([means, *waves])


def _hour(times: Times) -> NDArray[np.int64]:
    hours: NDArray[np.int64] = (times - times.astype("M8[D]")) // np.timedelta64(1, "h")
    return hours.astype(np.int64)


def _fitted(
    field: xr.DataArray, times: Sequence[int], solve: NDArray[np.floating[Any]]
) -> torch.Tensor:
    """Coefficients (coefficient, [L,] H, W) from fields at `times`, read one by one."""
    total: torch.Tensor | None = None
    for column, time in enumerate(times):
        values = torch.from_numpy(np.array(read_values(field.isel(time=time)), np.float64))
        factors = torch.from_numpy(solve[:, column]).reshape(-1, *[1] * values.ndim)
        if total is None:
            total = torch.zeros(len(factors), *values.shape, dtype=torch.float64)
        for index, factor in enumerate(factors.flatten().tolist()):
            total[index].add_(values, alpha=factor)
    assert total is not None
    return total.float()


def make_climatology(
    source: str | None,
    dataset: xr.Dataset,
    times: Sequence[int],
    layout: Layout,
    roots: Sequence[Path] | None,
) -> Climatology:
    """From a file, or from the data at some times for ``data`` and None."""
    if source in (None, FROM_DATA):
        return HarmonicClimatology(dataset, times, layout)
    from aurora_dash.data.roots import expand_paths

    (place,) = expand_paths([str(source)], roots=roots)
    return FileClimatology(place, layout)
