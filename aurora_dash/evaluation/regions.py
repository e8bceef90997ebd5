"""Named regions for which scores are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.errors import EvaluationError
from aurora_dash.spec import Region

REGIONS: Mapping[str, Region | None] = MappingProxyType(
    {
        "global": None,
        "tropics": Region(north=20, south=-20, west=0, east=360),
        "extratropics-north": Region(north=90, south=20, west=0, east=360),
        "extratropics-south": Region(north=-20, south=-90, west=0, east=360),
        "europe": Region(north=75, south=35, west=-12.5, east=42.5),
    }
)
"""Boxes by name, edges included; ``global`` is all of the grid, however small that is."""


def require_regions(names: Sequence[str]) -> None:
    """`EvaluationError` that names the known regions if one of `names` is none."""
    unknown = [name for name in names if name not in REGIONS]
    if unknown:
        raise EvaluationError(
            f"There is no region {unknown[0]!r}.", remedy=f"Known: {', '.join(REGIONS)}."
        )


def region_mask(name: str, latitudes: ArrayLike, longitudes: ArrayLike) -> NDArray[np.bool_]:
    """Which points (H, W) of the grid lie in a region; `EvaluationError` if none does."""
    require_regions([name])
    lat = np.asarray(latitudes, dtype=np.float64)
    lon = np.asarray(longitudes, dtype=np.float64)
    box = REGIONS[name]
    if box is None:
        return np.ones((lat.size, lon.size), dtype=bool)
    mask = np.outer((lat >= box.south) & (lat <= box.north), _within(lon, box.west, box.east))
    if not mask.any():
        raise EvaluationError(
            f"The region {name!r} has no point of this grid, which spans latitudes "
            f"{lat.min():g} to {lat.max():g} and longitudes {lon.min():g} to {lon.max():g}.",
            remedy="Leave the region out.",
        )
    return mask


def _within(longitudes: NDArray[np.float64], west: float, east: float) -> NDArray[np.bool_]:
    width = east - west if east - west >= 360 else (east - west) % 360
    return np.asarray((longitudes - west) % 360 <= width)
