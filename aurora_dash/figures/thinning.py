"""Draw a million points with two thousand, and hide no spike.

Points are grouped in bins whose size is a power of two, so that bins stay where they are while
points are appended; each bin keeps its lowest and its highest point, and one that is not finite
where it has any, so that a gap stays a gap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULT_POINTS = 2_000


def thin(
    x: NDArray[Any], y: NDArray[Any], max_points: int = DEFAULT_POINTS
) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most `max_points` of the points (N,), in their order; all of them where they fit.

    The first and the last point and the extremes of every bin are always among them. Raises
    `ValueError` for arrays of different length or fewer than 8 points to keep.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be of one length, got {x.shape} and {y.shape}")
    if max_points < 8:
        raise ValueError(f"max_points must be at least 8, got {max_points}")
    if y.size <= max_points:
        return x, y
    kept = _kept(y, max_points)
    return x[kept], y[kept]


def bin_size(num_points: int, max_points: int, points_a_bin: int) -> int:
    """Smallest power of two at which all bins' points, and both ends, fit `max_points`."""
    size = 1
    while points_a_bin * -(-num_points // size) + 2 > max_points:
        size *= 2
    return size


def _kept(y: NDArray[Any], max_points: int) -> NDArray[np.intp]:
    """Indices of the points that stay, rising."""
    size = bin_size(y.size, max_points, 2 if np.isfinite(y).all() else 3)
    num_bins = -(-y.size // size)
    padded = np.full(num_bins * size, np.nan)
    padded[: y.size] = y
    bins = padded.reshape(num_bins, size)
    finite = np.isfinite(bins)
    starts = np.arange(num_bins) * size
    lowest = starts + np.where(finite, bins, np.inf).argmin(axis=1)
    highest = starts + np.where(finite, bins, -np.inf).argmax(axis=1)
    gaps = (starts + finite.argmin(axis=1))[~finite.all(axis=1)]
    kept = np.unique(np.concatenate([[0, y.size - 1], lowest, highest, gaps]))
    return kept[kept < y.size].astype(np.intp)
