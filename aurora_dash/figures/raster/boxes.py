"""Boxes of longitudes and latitudes that a person draws on a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.raster.projections import Extent, Projection

_NET = 65
_DIGITS = 4
_FULL = 360.0


@dataclass(frozen=True)
class Box:
    """Degrees. `west` is in [-180, 180); `east` is below it where the box crosses the dateline."""

    south: float
    north: float
    west: float
    east: float

    @property
    def width(self) -> float:
        """Degrees from west to east."""
        return (self.east - self.west) % _FULL or _FULL


def box_of(projection: Projection, drawn: Extent) -> Box | None:
    """The box round what a rectangle of map coordinates shows; None if it shows nothing."""
    x, y = np.meshgrid(
        np.linspace(drawn.left, drawn.right, _NET), np.linspace(drawn.bottom, drawn.top, _NET)
    )
    if projection.is_plain:
        y = np.clip(y, -90, 90)
    longitudes, latitudes = projection.inverse(x, y)
    seen = np.isfinite(longitudes)
    if not seen.any():
        return None
    if projection.is_plain:
        west, east = drawn.left, min(drawn.right, drawn.left + _FULL)
    else:
        west, east = _shortest_arc(longitudes[seen])
    south, north = float(latitudes[seen].min()), float(latitudes[seen].max())
    for pole in (-90.0, 90.0):
        px, py = projection.forward(projection.longitude, pole)
        if drawn.left <= px <= drawn.right and drawn.bottom <= py <= drawn.top:
            south, north = min(south, pole), max(north, pole)
            # All meridians meet in a pole.
            west, east = (west, east) if projection.is_plain else (-180.0, 180.0)
    start = round((west + 180) % _FULL - 180, _DIGITS)
    width = round(east - west, _DIGITS)
    if width >= _FULL:
        return Box(round(south, _DIGITS), round(north, _DIGITS), -180.0, 180.0)
    end = start + width if start + width <= 180 else start + width - _FULL
    return Box(round(south, _DIGITS), round(north, _DIGITS), start, round(end, _DIGITS))


def rim_of(projection: Projection, box: Box) -> NDArray[np.float32]:
    """Points (N, 2) in map coordinates round a box; NaN where the map doesn't show it."""
    along = np.linspace(0, 1, 91)
    lon = box.west + box.width * np.concatenate([along, [1] * 91, along[::-1], [0] * 91])
    up = np.concatenate([[0] * 91, along, [1] * 91, along[::-1]])
    lat = box.south + (box.north - box.south) * up
    x, y = projection.forward(lon, lat)
    points = np.stack([x, y], axis=1)
    if not projection.is_plain:
        # A side that crosses the map's seam would be drawn all across it.
        steps = np.hypot(*np.diff(points, axis=0).T)
        points = np.insert(points, np.flatnonzero(steps > 1) + 1, np.nan, axis=0)
    return points.astype(np.float32)


def _shortest_arc(longitudes: NDArray[np.float64]) -> tuple[float, float]:
    """West and east of all longitudes: the circle without its largest gap."""
    rising = np.sort(longitudes % _FULL)
    gaps = np.diff(np.append(rising, rising[0] + _FULL))
    widest = int(gaps.argmax())
    west = rising[(widest + 1) % rising.size]
    return float(west), float(west + _FULL - gaps[widest])
