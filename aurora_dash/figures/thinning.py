"""Draw a million points with two thousand, and hide no spike.

Points are grouped in bins whose size is a power of two, so that bins stay where they are while
points are appended; each bin keeps its lowest and its highest point, and one that is not finite
where it has any, so that a gap stays a gap.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULT_POINTS = 2_000

_SIZES_KEPT = 3
_NOTHING = np.empty(0, dtype=np.intp)


def thin(
    x: NDArray[Any], y: NDArray[Any], max_points: int = DEFAULT_POINTS
) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most `max_points` of the points (N,), in their order; all of them where they fit.

    The first and the last point and the extremes of every bin are always among them. Raises
    `ValueError` for arrays of different length or fewer than 8 points to keep.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be of one length, got {x.shape} and {y.shape}")
    _require_room(max_points)
    if y.size <= max_points:
        return x, y
    kept = GrowingBins().kept(y, max_points)
    return x[kept], y[kept]


def _require_room(max_points: int) -> None:
    if max_points < 8:
        raise ValueError(f"max_points must be at least 8, got {max_points}")


def bin_size(num_points: int, max_points: int, points_a_bin: int) -> int:
    """Smallest power of two at which all bins' points, and both ends, fit `max_points`."""
    size = 1
    while points_a_bin * -(-num_points // size) + 2 > max_points:
        size *= 2
    return size


@dataclass
class _Bins:
    """What the first bins of a series hold, as indices into it and as numbers."""

    lowest: NDArray[np.intp]
    highest: NDArray[np.intp]
    gap: NDArray[np.intp]
    """A point that is not finite; -1 where there is none."""
    total: NDArray[np.float64]
    """Sum over the finite points."""
    count: NDArray[np.intp]
    """Number of finite points."""

    @classmethod
    def of(cls, y: NDArray[Any], size: int, start: int) -> _Bins:
        """Bins of the points `y` (n,), the first of which is the one at `start`."""
        num_bins = -(-y.size // size)
        padded = np.full(num_bins * size, np.nan)
        padded[: y.size] = y
        bins = padded.reshape(num_bins, size)
        finite = np.isfinite(bins)
        starts = start + np.arange(num_bins) * size
        # What pads the last bin is no gap of the series.
        real = finite.copy().reshape(-1)
        real[y.size :] = True
        real = real.reshape(num_bins, size)
        return cls(
            lowest=starts + np.where(finite, bins, np.inf).argmin(axis=1),
            highest=starts + np.where(finite, bins, -np.inf).argmax(axis=1),
            gap=np.where(real.all(axis=1), -1, starts + real.argmin(axis=1)),
            total=np.where(finite, bins, 0.0).sum(axis=1),
            count=finite.sum(axis=1),
        )

    def __add__(self, other: _Bins) -> _Bins:
        return _Bins(
            *(np.concatenate([mine, others]) for mine, others in zip(self, other, strict=True))
        )

    def __iter__(self) -> Any:
        return iter((self.lowest, self.highest, self.gap, self.total, self.count))

    def part(self, first: int, last: int) -> _Bins:
        """Those from bin `first` up to bin `last`, without it."""
        return _Bins(*(values[first:last] for values in self))


class GrowingBins:
    """Thins a series that grows at its end, and looks at every point only once.

    The same object must be given the same series each time, longer than before or not; one that
    changed otherwise needs a new object. The whole bins of the few sizes used last are kept.
    """

    def __init__(self) -> None:
        self._whole: OrderedDict[int, _Bins] = OrderedDict()

    def kept(
        self, y: NDArray[Any], max_points: int = DEFAULT_POINTS, *, first: int = 0,
        last: int | None = None,
    ) -> NDArray[np.intp]:  # fmt: skip
        """Indices, rising, of at most `max_points` of the points of `y` (N,).

        `first` and `last` (without it) limit them to a stretch of the series. Both its ends and
        the extremes of every bin are among them. `ValueError` for fewer than 8 points to keep.
        """
        _require_room(max_points)
        last = y.size if last is None else min(last, y.size)
        if last - first <= max_points:
            return np.arange(first, max(first, last))
        # A bin of a series without gaps keeps two points; whether there are gaps shows only then.
        for points_a_bin in (2, 3):
            # A stretch that begins within a bin may reach into one more.
            room = max_points - (points_a_bin if first else 0)
            size = bin_size(last - first, room, points_a_bin)
            bins = self._bins(y, size, first, last)
            gaps = bins.gap[bins.gap >= 0]
            found = np.concatenate([[first, last - 1], bins.lowest, bins.highest, gaps])
            found = np.unique(found[(found >= first) & (found < last)])
            if found.size <= max_points:
                break
        return found.astype(np.intp)

    def means(self, y: NDArray[Any], max_bins: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Means over at most `max_bins` bins, and the index of the last point of each.

        What is not finite counts for nothing; a bin without anything else is NaN.
        """
        size = 1 if y.size <= max_bins else bin_size(y.size, max_bins + 2, 1)
        bins = self._bins(y, size, 0, y.size)
        mean = np.full(bins.count.size, np.nan)
        np.divide(bins.total, bins.count, out=mean, where=bins.count > 0)
        ends = np.minimum((np.arange(mean.size) + 1) * size, y.size) - 1
        return ends.astype(np.intp), mean

    def _bins(self, y: NDArray[Any], size: int, first: int, last: int) -> _Bins:
        """The bins that have points from `first` up to `last`; cut short at the ends of `y`."""
        whole = self._grown(y, size)
        begin, end = first // size, -(-last // size)
        found = whole.part(begin, end)
        done = whole.count.size
        if end > done:
            start = max(begin, done) * size
            found = found + _Bins.of(y[start : min(end * size, y.size)], size, start)
        # Extremes beyond the stretch must not stand for those within it.
        return self._trimmed(y, found, size, first, last)

    @staticmethod
    def _trimmed(y: NDArray[Any], found: _Bins, size: int, first: int, last: int) -> _Bins:
        if first % size == 0 and (last % size == 0 or last == y.size):
            return found
        begin, end = first // size, -(-last // size)
        inner = found.part(1, max(1, end - begin - 1))
        head = _Bins.of(y[first : min((begin + 1) * size, last)], size, first)
        if end - begin == 1:
            return head
        start = (end - 1) * size
        return head + inner + _Bins.of(y[start:last], size, start)

    def _grown(self, y: NDArray[Any], size: int) -> _Bins:
        """All whole bins of `y`; only the new ones are computed."""
        bins = self._whole.pop(size, None) or _Bins(
            _NOTHING, _NOTHING, _NOTHING, np.empty(0), _NOTHING
        )
        done, there = bins.count.size, y.size // size
        if there > done:
            bins = bins + _Bins.of(y[done * size : there * size], size, done * size)
        self._whole[size] = bins
        while len(self._whole) > _SIZES_KEPT:
            self._whole.popitem(last=False)
        return bins
