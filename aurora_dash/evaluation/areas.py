"""Regions, and the land and sea in them, as weights of a grid's points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.data.area import area_weights
from aurora_dash.evaluation.regions import box_mask, box_name, region_mask
from aurora_dash.spec import Region


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Regions and the surfaces in them, as weights of the grid's points."""

    regions: tuple[str, ...]
    surfaces: tuple[str, ...]
    """``all``, ``land``, ``sea``."""
    weights: NDArray[np.float64]
    """(region x surface, H, W): the area's weight inside, 0 outside."""


def make_areas(
    names: Sequence[str],
    boxes: Sequence[Region],
    latitudes: ArrayLike,
    longitudes: ArrayLike,
    land: NDArray[np.floating[Any]] | None,
) -> Areas:
    """All regions and boxes, weighted by area; with `land`, the land and the sea of each besides.

    `land` (H, W) is the share of land: a point with more than half is land, as ECMWF counts it.
    """
    masks = {name: region_mask(name, latitudes, longitudes) for name in names}
    masks |= {box_name(box): box_mask(box, latitudes, longitudes) for box in boxes}
    surfaces = {"all": np.ones(next(iter(masks.values())).shape, dtype=bool)}
    if land is not None:
        surfaces |= {"land": land > 0.5, "sea": land <= 0.5}
    area = area_weights(latitudes)[:, None]
    weights = [area * (mask & surface) for mask in masks.values() for surface in surfaces.values()]
    return Areas(regions=tuple(masks), surfaces=tuple(surfaces), weights=np.stack(weights))
