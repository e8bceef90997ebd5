"""The curves of a run's metrics, thinned, at a cost that does not grow with the run.

What was computed of the rows that were there before is kept once a process, however many browsers
look, so that a refresh costs as much as the rows that are new.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.thinning import DEFAULT_POINTS, GrowingBins
from aurora_dash.figures.training import smoothed
from aurora_dash.runs.columns import FloatArray
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui import chart_axes
from aurora_dash.ui.chart_axes import AXES

Curve = tuple[NDArray[Any], NDArray[Any]]
"""Places (N,) along the axis, and values (N,)."""

Within = tuple[float, float] | Literal["newest"] | None
"""The stretch that is drawn in full detail: between two places, or the newest tenth alone."""

_RUNS_KEPT = 256
_FEWEST_NEWEST = 100
_LEAPS = 16
_FIRST_CAPACITY = 1024


class Growing:
    """Values that follow row by row from others; only those of new rows are computed."""

    def __init__(self) -> None:
        self._values = np.empty(_FIRST_CAPACITY)
        self.size = 0

    def grown(self, size: int, rows: Callable[[int, int], FloatArray]) -> FloatArray:
        """The first `size` values; `rows` computes those of a stretch of rows."""
        if size > self.size:
            if size > self._values.size:
                larger = np.empty(max(size, 2 * self._values.size))
                larger[: self.size] = self._values[: self.size]
                self._values = larger
            self._values[self.size : size] = rows(self.size, size)
            self.size = size
        return self._values[:size]


class _Smoothed(Growing):
    """The exponential mean of `figures.training.smoothed`, gone on with where it ended."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self._weight = weight
        self._mean, self._num = 0.0, 0

    def of(self, values: FloatArray) -> FloatArray:
        return self.grown(values.size, lambda first, last: self._rows(values[first:last]))

    def _rows(self, values: FloatArray) -> FloatArray:
        # The mean so far counts as one value that weighs as much as all that went into it.
        share = 1 - self._weight**self._num
        alone = smoothed(values, self._weight)
        finite = np.isfinite(values)
        nums = np.cumsum(finite)
        fading = self._weight ** nums.astype(np.float64)
        weight = 1 - fading
        with np.errstate(invalid="ignore"):
            mean: FloatArray = (share * fading * self._mean + weight * alone) / (
                share * fading + weight
            )
        self._num += int(nums[-1])
        there = mean[finite]
        self._mean = float(there[-1]) if there.size else self._mean
        return mean


class _Present:
    """Which rows of a growing column have a value."""

    def __init__(self) -> None:
        self._rows: NDArray[np.intp] | None = None
        self._looked = 0

    def of(self, values: FloatArray) -> NDArray[np.intp] | None:
        """Their indices; None while all have one, as most columns do."""
        new = np.isfinite(values[self._looked :])
        if self._rows is None and not new.all():
            self._rows = np.arange(self._looked)
        if self._rows is not None and new.size:
            self._rows = np.concatenate([self._rows, np.flatnonzero(new) + self._looked])
        self._looked = values.size
        return self._rows


class RunSeries:
    """The curves of one run's metrics. Safe to share by threads."""

    def __init__(self, table: MetricsTable) -> None:
        self._table = table
        self._lock = threading.Lock()
        self._forget()

    def is_of(self, table: MetricsTable) -> bool:
        """Whether these are the curves of that very table."""
        return self._table is table

    def _forget(self) -> None:
        self._revision = self._table.revision
        self._bins: dict[object, GrowingBins] = {}
        self._growing: dict[object, Growing] = {}
        self._present: dict[object, _Present] = {}

    def _begin(self) -> None:
        if self._revision != self._table.revision:
            self._forget()

    def curve(
        self,
        axis: str,
        name: str,
        split: str = "train",
        *,
        smoothing: float = 0.0,
        max_points: int = DEFAULT_POINTS,
        within: Within = None,
    ) -> Curve:
        """A column along an axis, at most `max_points` of it; smoothed if asked for.

        With a stretch `within`, as many again lie there, so that a zoom shows all there is.
        """
        with self._lock:
            self._begin()
            columns = self._table.columns(split, (name, AXES[axis]))
            key = (split, name, smoothing)
            values = self._smooth(columns[name], key, smoothing)
            return self._thinned(axis, columns[AXES[axis]], values, key, max_points, within)

    def mean(
        self,
        axis: str,
        names: Sequence[str],
        split: str = "train",
        *,
        max_points: int = DEFAULT_POINTS,
        within: Within = None,
    ) -> Curve:
        """The mean over several columns along an axis."""
        with self._lock:
            self._begin()
            columns = self._table.columns(split, (*names, AXES[axis]))
            x, key = columns[AXES[axis]], ("mean", split, *names)
            means = self._growing.setdefault(key, Growing()).grown(
                x.size,
                lambda first, last: np.mean([columns[n][first:last] for n in names], axis=0),
            )
            return self._thinned(axis, x, means, key, max_points, within)

    def sparse(
        self,
        axis: str,
        name: str,
        split: str = "train",
        *,
        smoothing: float = 0.0,
        max_points: int = DEFAULT_POINTS,
        within: Within = None,
    ) -> Curve:
        """A column that only some records have, without the gaps between them."""
        with self._lock:
            self._begin()
            columns = self._table.columns(split, (name, AXES[axis]))
            x, key = columns[AXES[axis]], ("sparse", split, name, smoothing)
            values = self._smooth(columns[name], (split, name, smoothing), smoothing)
            present = self._rows_with(columns[name], split, name)
            if present is not None:
                x, values = x[present], values[present]
            return self._thinned(axis, x, values, key, max_points, within)

    def is_sparse(self, name: str, split: str = "train") -> bool:
        """Whether most records of a split lack a value."""
        with self._lock:
            self._begin()
            values = self._table.column(name, split)
            present = self._rows_with(values, split, name)
            return present is not None and present.size <= values.size / 2

    def means(self, axis: str, name: str, max_bins: int, split: str = "train") -> Curve:
        """Means of a column over whole bins, and where each bin ends."""
        with self._lock:
            self._begin()
            columns = self._table.columns(split, (name, AXES[axis]))
            ends, means = self._bins_of((split, name, 0.0)).means(columns[name], max_bins)
            if columns[name].size > max_bins:
                # The last bin changes with every step: what is drawn of it would, too.
                ends, means = ends[:-1], means[:-1]
            return self._places(axis, columns[AXES[axis]][ends]), means

    def _smooth(self, values: FloatArray, key: object, smoothing: float) -> FloatArray:
        if not smoothing:
            return values
        maker = self._growing.setdefault(key, _Smoothed(smoothing))
        assert isinstance(maker, _Smoothed)
        return maker.of(values)

    def _rows_with(self, values: FloatArray, split: str, name: str) -> NDArray[np.intp] | None:
        return self._present.setdefault((split, name), _Present()).of(values)

    def _thinned(
        self,
        axis: str,
        x: FloatArray,
        y: FloatArray,
        key: object,
        max_points: int,
        within: Within,
    ) -> Curve:
        bins = self._bins_of(key)
        if within == "newest":
            first = _newest(y.size)
            kept = bins.kept(y, max_points, first=first)
        else:
            kept = bins.kept(y, max_points)
            if within is not None:
                first, last = self._rows(axis, x, within)
                detail = bins.kept(y, max_points, first=first, last=last)
                kept = np.union1d(kept, detail)
        return self._places(axis, x[kept]), y[kept]

    def _rows(self, axis: str, x: FloatArray, stretch: tuple[float, float]) -> tuple[int, int]:
        """The rows of a stretch of the axis, with a neighbour on either side."""
        low, high = (chart_axes.recorded(self._table, axis, place) for place in stretch)
        first = int(np.searchsorted(x, low)) - 1
        last = int(np.searchsorted(x, high, side="right")) + 1
        return max(0, first), min(max(1, last), max(1, x.size))

    def _bins_of(self, key: object) -> GrowingBins:
        return self._bins.setdefault(key, GrowingBins())

    def _places(self, axis: str, values: FloatArray) -> FloatArray:
        return chart_axes.placed(self._table, axis, values)


def _newest(size: int) -> int:
    """The first row of the newest tenth; it moves in leaps, between which a chart only grows."""
    length = max(_FEWEST_NEWEST, size // 10)
    leap = 1 << (length // _LEAPS).bit_length()
    return max(0, size - length) // leap * leap


class _Kept:
    """The series of this process, least recently used ones dropped first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[Path, RunSeries] = OrderedDict()

    def get(self, table: MetricsTable) -> RunSeries:
        with self._lock:
            found = self._runs.pop(table.path, None)
            if found is None or not found.is_of(table):
                found = RunSeries(table)
            self._runs[table.path] = found
            while len(self._runs) > _RUNS_KEPT:
                self._runs.popitem(last=False)
            return found


@functools.cache
def _kept() -> _Kept:
    return _Kept()


def series_of(table: MetricsTable) -> RunSeries:
    """The curves of a table, shared by all who look at it."""
    return _kept().get(table)
