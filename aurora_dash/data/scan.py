"""One pass over a variable: what each of its fields holds, in a few numbers a field.

Read a bounded part at a time; what is kept is a row of numbers for each time and level, two fields
of counts and a thin sample of the values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from aurora_dash.data.findings import Location
from aurora_dash.data.infill import filled_of
from aurora_dash.data.pictures import Picture
from aurora_dash.data.reading import Values, read_values, time_blocks
from aurora_dash.data.statistics import Moments, level_key
from aurora_dash.data.times import Times, format_time
from aurora_dash.variables import Variable

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Transform = Callable[[ArrayLike], ArrayLike]

_SAMPLE_SIZE = 32_768
# Beyond this many of a field's own standard deviations its extreme is looked at more closely.
_EXTREME = 5.0


@dataclass(frozen=True)
class Extreme:
    """The lowest or highest value of a field, far from the others in it."""

    time: int
    """Position among the scanned times."""
    level: int
    row: int
    column: int
    value: float
    around: float
    """Mean of its neighbours; NaN if they are all missing."""


@dataclass
class Scan:
    """What one pass found; arrays are (scanned times, levels), of a static field (1, 1)."""

    variable: Variable
    array: xr.DataArray
    """The variable itself, lazily."""
    indices: NDArray[np.intp]
    """Scanned times of the dataset."""
    missing: Counts
    outside: Counts
    mean: Numbers
    std: Numbers
    low: Numbers
    high: Numbers
    missing_map: Counts
    """How often each point is missing."""
    filled: Counts
    """How many values of each time a remedy filled in."""
    bounds: tuple[float, float]
    worst: float = 0.0
    worst_place: Location | None = None
    first_missing: Location | None = None
    num_fractional: int = 0
    """Values that are no whole numbers, of a categorical variable."""
    first_fractional: Location | None = None
    extremes: list[Extreme] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    """Of the values of each scanned time: equal ones are equal fields."""
    samples: list[list[Values]] = field(default_factory=list)
    """Evenly spread values, a list a level."""
    transformed: list[Moments] = field(default_factory=list)
    """Moments of transformed values by level, if there is a transform."""

    @property
    def key(self) -> str:
        """Canonical name."""
        return self.variable.key

    @property
    def is_static(self) -> bool:
        """Whether it has no times."""
        return "time" not in self.array.dims

    @property
    def levels(self) -> list[float | None]:
        """hPa; None for a variable without levels."""
        if "level" not in self.array.dims:
            return [None]
        return [float(level) for level in self.array["level"].values]

    @property
    def times(self) -> Times:
        """The scanned times; none of a static variable."""
        times: Times = self.array["time"].values[self.indices]
        return times

    @property
    def field_size(self) -> int:
        """Values in one field."""
        return int(self.missing_map.size)

    @property
    def num_values(self) -> int:
        """Values that were looked at."""
        return self.missing.size * self.field_size

    def statistics_keys(self) -> list[str]:
        """Aurora's names of the levels: ``z_500``, or ``2t`` of what has none."""
        name = self.variable.name
        return [name if level is None else level_key(name, level) for level in self.levels]

    def moments(self) -> dict[str, Moments]:
        """Of all scanned values, by Aurora's names; of transformed ones if there is a transform."""
        if self.transformed:
            return dict(zip(self.statistics_keys(), self.transformed, strict=True))
        found = {}
        for position, key in enumerate(self.statistics_keys()):
            total = Moments()
            for time in range(self.missing.shape[0]):
                num_missing = int(self.missing[time, position])
                mean, std = float(self.mean[time, position]), float(self.std[time, position])
                total = total.merge(Moments(mean, std, self.field_size - num_missing, num_missing))
            found[key] = total
        return found

    def samples_by_name(self) -> dict[str, Values]:
        """Evenly spread values as they were read, by Aurora's names; none where all is missing."""
        named = zip(self.statistics_keys(), self.samples, strict=True)
        return {name: np.concatenate(parts) for name, parts in named if parts}

    def place(self, time: int, level: int, row: int, column: int) -> Location:
        """Coordinates of a point of the scanned fields."""
        return Location(
            time=None if self.is_static else format_time(self.times[time]),
            level=self.levels[level],
            latitude=float(self.array["latitude"].values[row]),
            longitude=float(self.array["longitude"].values[column]),
        )

    def map_around(self, place: Location, note: str) -> Picture:
        """The scanned field in which a place lies, read again, with the place marked."""
        axes = [self.array[axis].values for axis in ("latitude", "longitude")]
        row, column = (
            int(np.flatnonzero(axis == at)[0])
            for axis, at in zip(axes, (place.latitude, place.longitude), strict=True)
        )
        time = 0 if self.is_static else [format_time(t) for t in self.times].index(str(place.time))
        values = self.field(time, self.levels.index(place.level))
        title = self.key if self.is_static else f"{self.key} at that time"
        return Picture.map(values, *axes, title=title, at=(row, column), note=note)

    def field(self, time: int, level: int) -> Values:
        """One scanned field (latitude, longitude), read again."""
        chosen = self.array if self.is_static else self.array.isel(time=int(self.indices[time]))
        return read_values(chosen.isel(level=level) if "level" in chosen.dims else chosen)


def scan_variable(
    array: xr.DataArray,
    variable: Variable,
    indices: NDArray[np.intp],
    transform: Transform | None = None,
) -> Scan:
    """Look at the times `indices` of `array`; `DataError` if they can't be read."""
    scan = _empty(array, variable, indices, transform is not None)
    filled = filled_of(array)
    if scan.is_static:
        values = read_values(array)
        if filled is not None:
            scan.filled[0] = int((read_values(filled) & np.isfinite(values)).sum())
        _look(scan, 0, values[np.newaxis], transform)
        return scan
    position = 0
    for chosen, block in time_blocks(array, indices):
        masks = None if filled is None else read_values(filled.isel(time=chosen))
        for offset, values in enumerate(block):
            if masks is not None:
                scan.filled[position] = int((masks[offset] & np.isfinite(values)).sum())
            layers = values if "level" in array.dims else values[np.newaxis]
            _look(scan, position, layers, transform)
            position += 1
    return scan


def _empty(
    array: xr.DataArray, variable: Variable, indices: NDArray[np.intp], transforms: bool
) -> Scan:
    is_static = "time" not in array.dims
    num_times = 1 if is_static else indices.size
    num_levels = array.sizes.get("level", 1)
    shape = (num_times, num_levels)
    low, high = variable.bounds

    def unknown() -> Numbers:
        return np.full(shape, np.nan)

    return Scan(
        variable=variable,
        array=array,
        indices=np.zeros(1, np.intp) if is_static else indices,
        missing=np.zeros(shape, np.int64),
        outside=np.zeros(shape, np.int64),
        mean=unknown(),
        std=unknown(),
        low=unknown(),
        high=unknown(),
        missing_map=np.zeros((array.sizes["latitude"], array.sizes["longitude"]), np.int64),
        filled=np.zeros(num_times, np.int64),
        bounds=(-np.inf if low is None else low, np.inf if high is None else high),
        samples=[[] for _ in range(num_levels)],
        transformed=[Moments() for _ in range(num_levels)] if transforms else [],
    )


def _look(scan: Scan, time: int, layers: Values, transform: Transform | None) -> None:
    """Take in the fields (level, latitude, longitude) of one time."""
    scan.digests.append(hashlib.blake2b(layers.tobytes(), digest_size=16).digest())
    for level, values in enumerate(layers):
        if transform is not None:
            scan.transformed[level] = scan.transformed[level].merge(Moments.of(transform(values)))
        finite = np.isfinite(values)
        num_missing = values.size - int(np.count_nonzero(finite))
        if num_missing:
            scan.missing[time, level] = num_missing
            scan.missing_map += ~finite
            if scan.first_missing is None:
                scan.first_missing = _first(scan, time, level, ~finite)
        if num_missing < values.size:
            _measure(scan, time, level, values, values[finite] if num_missing else values.ravel())
            _compare_with_bounds(scan, time, level, values, finite)
            _look_for_extremes(scan, time, level, values)


def _measure(scan: Scan, time: int, level: int, values: Values, known: Values) -> None:
    scan.mean[time, level] = known.mean(dtype=np.float64)
    scan.std[time, level] = known.std(dtype=np.float64)
    scan.low[time, level], scan.high[time, level] = float(known.min()), float(known.max())
    size = max(8, _SAMPLE_SIZE // scan.missing.size)
    scan.samples[level].append(known[:: max(1, known.size // size)].copy())
    if scan.variable.categorical:
        broken = np.isfinite(values) & (np.abs(values - np.rint(values)) > 1e-3)
        scan.num_fractional += int(np.count_nonzero(broken))
        if broken.any() and scan.first_fractional is None:
            scan.first_fractional = _first(scan, time, level, broken)


def _compare_with_bounds(
    scan: Scan, time: int, level: int, values: Values, finite: NDArray[np.bool_]
) -> None:
    low, high = float(scan.low[time, level]), float(scan.high[time, level])
    # Packing in the file shifts values a little beyond a bound such as zero.
    slack = 1e-3 * float(np.nanmax(scan.high) - np.nanmin(scan.low))
    lower, upper = scan.bounds[0] - slack, scan.bounds[1] + slack
    if low >= lower and high <= upper:
        return
    outside = finite & ((values < lower) | (values > upper))
    scan.outside[time, level] = int(np.count_nonzero(outside))
    worst = low if low < lower else high
    if scan.worst_place is None:
        scan.worst = worst
        scan.worst_place = _first(scan, time, level, values == np.float32(worst))


def _look_for_extremes(scan: Scan, time: int, level: int, values: Values) -> None:
    mean, std = float(scan.mean[time, level]), float(scan.std[time, level])
    for value, find in (
        (float(scan.high[time, level]), np.nanargmax),
        (float(scan.low[time, level]), np.nanargmin),
    ):
        if abs(value - mean) <= _EXTREME * std or std == 0:
            continue
        where: Any = np.where(np.isfinite(values), values, np.nan)
        row, column = (int(i) for i in np.unravel_index(find(where), values.shape))
        around = _around(where, row, column)
        scan.extremes.append(Extreme(time, level, row, column, value, around))


def _around(values: NDArray[Any], row: int, column: int) -> float:
    """Mean of the up to eight neighbours of a point."""
    rows, columns = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
    near = values[rows, columns].astype(np.float64)
    known = np.isfinite(near)
    total, count = near[known].sum() - float(values[row, column]), int(known.sum()) - 1
    return float(total / count) if count else float("nan")


def _first(scan: Scan, time: int, level: int, mask: NDArray[np.bool_]) -> Location:
    row, column = (int(i) for i in np.argwhere(mask)[0])
    return scan.place(time, level, row, column)
