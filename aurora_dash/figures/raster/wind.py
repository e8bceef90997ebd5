"""Wind for a map: two components along the map's own axes, thinned to what arrows can show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.panels import Wind
from aurora_dash.figures.raster.pixels import Lens, Pixels
from aurora_dash.figures.raster.projections import Extent, Projection
from aurora_dash.figures.scene import FloatArray

COLUMNS = 240
"""Of the wind that is sent: an arrow every few pixels of a screen."""
_NUDGE = 1e-3
"""Degrees along which the map's directions are measured."""


def along(wind: Wind, lens: Lens, seen: Extent) -> tuple[Pixels, NDArray[np.float32]]:
    """Pixels of a part of the map, and for each the wind (H, W, 2) to the right and upwards.

    `wind` is in the order of the lens' grid.
    """
    pixels = lens.part(seen, COLUMNS)
    u, v = pixels.of(wind.east), pixels.of(wind.north)
    if lens.projection.is_plain:
        # On the stretched map of a region as on the ground; a globe's is not conformal anyhow.
        return pixels, np.stack([u, v], axis=-1)
    return pixels, _turned(u, v, pixels, lens.projection)


def _turned(
    u: FloatArray, v: FloatArray, pixels: Pixels, projection: Projection
) -> NDArray[np.float32]:
    """Components along the map's axes of an equally strong wind."""
    height, width = pixels.shape
    x, y = np.meshgrid(
        pixels.left + pixels.width * (np.arange(width) + 0.5),
        pixels.top - pixels.height * (np.arange(height) + 0.5),
    )
    lon, lat = projection.inverse(x, y)
    lat = np.clip(lat, -90 + 2 * _NUDGE, 90 - 2 * _NUDGE)
    here = np.stack(projection.forward(lon, lat))
    north = np.stack(projection.forward(lon, lat + _NUDGE)) - here
    east = np.stack(projection.forward(lon + _NUDGE, lat)) - here
    with np.errstate(invalid="ignore"):
        pointing = u * east / np.cos(np.deg2rad(lat)) + v * north
        length = np.hypot(*pointing)
        pointing *= np.hypot(u, v) / np.where(length > 0, length, 1)
    components: NDArray[np.float32] = np.moveaxis(pointing, 0, -1).astype(np.float32)
    return components
