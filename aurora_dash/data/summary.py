"""What is in a dataset, in a few lines: for pages and the command line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr

from aurora_dash.data.axes import spacing
from aurora_dash.data.open import OpenedData
from aurora_dash.data.times import format_time, hours_between
from aurora_dash.variables import Group, split_key


@dataclass(frozen=True, kw_only=True)
class VariableSummary:
    """One variable of the dataset."""

    key: str
    name: str
    group: str
    long_name: str
    unit: str
    source_name: str
    """Name in the file; the same as `name` if it was not renamed."""


@dataclass(frozen=True, kw_only=True)
class TimesSummary:
    """The time axis."""

    first: str
    last: str
    """As ``2025-06-01T06:00Z``."""
    count: int
    step_hours: float | None
    """None if there is a single time or the steps are uneven."""


@dataclass(frozen=True, kw_only=True)
class GridSummary:
    """The horizontal grid; degrees."""

    num_latitudes: int
    num_longitudes: int
    north: float
    south: float
    west: float
    east: float
    resolution: float | None
    """None if the spacing is uneven."""


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What a canonical dataset holds."""

    variables: tuple[VariableSummary, ...]
    levels: tuple[float, ...]
    """hPa, in the order of the data."""
    times: TimesSummary | None
    """None if there are static fields only."""
    grid: GridSummary
    synthetic: bool
    files: tuple[str, ...]
    num_bytes: int
    """In memory, were all of it read."""

    def group(self, group: Group) -> tuple[VariableSummary, ...]:
        """The variables of one group."""
        return tuple(variable for variable in self.variables if variable.group == group.value)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return asdict(self)


def describe(opened: OpenedData) -> DataSummary:
    """What was opened, without reading a field."""
    dataset = opened.dataset
    return DataSummary(
        variables=tuple(_variable(dataset[key], str(key)) for key in dataset.data_vars),
        levels=tuple(dataset["level"].values.tolist()) if "level" in dataset.coords else (),
        times=_times(dataset) if "time" in dataset.dims else None,
        grid=_grid(dataset),
        synthetic=bool(dataset.attrs.get("synthetic")),
        files=tuple(str(path) for path in opened.files),
        num_bytes=int(dataset.nbytes),
    )


def _variable(array: xr.DataArray, key: str) -> VariableSummary:
    group, name = split_key(key)
    return VariableSummary(
        key=key,
        name=name,
        group=group.value,
        long_name=str(array.attrs.get("long_name", name)),
        unit=str(array.attrs.get("units", "?")),
        source_name=str(array.attrs.get("source_name", name)),
    )


def _times(dataset: xr.Dataset) -> TimesSummary:
    times = dataset["time"].values
    steps = hours_between(times)
    even = steps.size > 0 and bool(np.all(steps == steps[0]))
    return TimesSummary(
        first=format_time(times[0]),
        last=format_time(times[-1]),
        count=int(times.size),
        step_hours=float(steps[0]) if even else None,
    )


def _grid(dataset: xr.Dataset) -> GridSummary:
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    return GridSummary(
        num_latitudes=int(latitude.size),
        num_longitudes=int(longitude.size),
        north=float(latitude[0]),
        south=float(latitude[-1]),
        west=float(longitude[0]),
        east=float(longitude[-1]),
        resolution=spacing(latitude),
    )
