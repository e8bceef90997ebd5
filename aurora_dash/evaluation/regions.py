"""Regions for which scores are given, named or drawn."""

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


def box_name(box: Region) -> str:
    """A drawn box as MARS and the Climate Data Store write one: ``75/-12.5/35/42.5``."""
    return f"{box.north:g}/{box.west:g}/{box.south:g}/{box.east:g}"


def region_mask(name: str, latitudes: ArrayLike, longitudes: ArrayLike) -> NDArray[np.bool_]:
    """Which points (H, W) of the grid lie in a region; `EvaluationError` if none does."""
    require_regions([name])
    box = REGIONS[name]
    if box is None:
        return np.ones((np.size(latitudes), np.size(longitudes)), dtype=bool)
    return box_mask(box, latitudes, longitudes, name)


def box_mask(
    box: Region, latitudes: ArrayLike, longitudes: ArrayLike, name: str = ""
) -> NDArray[np.bool_]:
    """Which points (H, W) of the grid lie in a box; `EvaluationError` if none does."""
    lat = np.asarray(latitudes, dtype=np.float64)
    lon = np.asarray(longitudes, dtype=np.float64)
    mask: NDArray[np.bool_] = np.outer(
        (lat >= box.south) & (lat <= box.north), _within(lon, box.west, box.east)
    )
    if not mask.any():
        raise EvaluationError(
            f"The region {name or box_name(box)!r} has no point of this grid, which spans "
            f"latitudes {lat.min():g} to {lat.max():g} and longitudes {lon.min():g} to "
            f"{lon.max():g}.",
            remedy="Leave the region out.",
        )
    return mask


def _within(longitudes: NDArray[np.float64], west: float, east: float) -> NDArray[np.bool_]:
    width = east - west if east - west >= 360 else (east - west) % 360
    return np.asarray((longitudes - west) % 360 <= width)
