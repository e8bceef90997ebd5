"""Coastlines, boundaries and meridians in a map's own coordinates, cut where the map ends."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from aurora_dash.figures.coastlines import Layer, Window, outline_points, outlines
from aurora_dash.figures.raster.pixels import Lens
from aurora_dash.figures.raster.projections import POLAR_EDGE, Extent, Projection

Kind = Literal["coastline", "boundaries", "graticule"]
LAYERS: tuple[Layer, ...] = ("boundaries", "coastline")

_FINE_DEGREES = 1.0
"""Between points of a line that a projection bends."""
_MERIDIANS = 30.0
_CLOSE = 0.5
"""A part of a projected map of at most so much of its width gets the finer coastlines."""
_QUARTER = 90.0


def lines(lens: Lens, seen: Extent | None = None) -> dict[Kind, NDArray[np.float32]]:
    """Points (N, 2) of all lines one after another, NaN between them, in map coordinates.

    For a part of the map (`seen`) in as much detail as suits its size.
    """
    if lens.projection.is_plain:
        window = lens.grid.window
        if seen is not None:
            window = Window(
                max(window.west, seen.left) if not lens.wraps else seen.left,
                min(window.east, seen.right) if not lens.wraps else seen.right,
                max(window.south, seen.bottom),
                min(window.north, seen.top),
            )
        return {layer: np.stack(outline_points(window, layer), axis=1) for layer in LAYERS}
    whole = lens.extent
    close = seen is not None and (seen.right - seen.left) < _CLOSE * (whole.right - whole.left)
    drawn: dict[Kind, NDArray[np.float32]] = {
        layer: _projected(lens.projection, layer, close) for layer in LAYERS
    }
    drawn["graticule"] = _graticule(lens.projection)
    if seen is None:
        return drawn
    return {kind: _near(points, seen) for kind, points in drawn.items()}


def _near(points: NDArray[np.float32], seen: Extent) -> NDArray[np.float32]:
    """What of some lines lies in or next to a part of the map."""
    x, y = points.T
    inside = (x >= seen.left) & (x <= seen.right) & (y >= seen.bottom) & (y <= seen.top)
    # Lines go on to the first point outside, and leave one gap after it.
    wanted = inside.copy()
    wanted[1:] |= inside[:-1]
    wanted[:-1] |= inside[1:]
    kept = wanted.copy()
    kept[1:] |= wanted[:-1]
    cut: NDArray[np.float32] = np.where(wanted[:, None], points, np.float32(np.nan))[kept]
    return cut


def rim(lens: Lens) -> NDArray[np.float32]:
    """Points (N, 2) round what the projection shows of the whole globe; none in plate carrée."""
    projection = lens.projection
    if projection.is_plain:
        return np.empty((0, 2), np.float32)
    turn = np.linspace(0, 2 * np.pi, 361)
    if projection.name == "robinson":
        east = np.linspace(-90, 90, 181)
        side = projection.longitude + 180 - 1e-6
        x, y = projection.forward(side, east)
        left = projection.forward(projection.longitude - 180 + 1e-6, east[::-1])
        points = np.stack([np.append(x, left[0]), np.append(y, left[1])], axis=1)
    else:
        radius = 1.0 if projection.name == "orthographic" else _polar_radius()
        points = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.concatenate([points, points[:1]]).astype(np.float32)


def _polar_radius() -> float:
    return float(2 * np.tan(np.deg2rad(90 - POLAR_EDGE) / 2))


@lru_cache(maxsize=16)
def _projected(projection: Projection, layer: Layer, close: bool) -> NDArray[np.float32]:
    """A layer all round the globe, cut at the map's own seam before it is projected."""
    window = _window(projection)
    if not close:
        return _on_map(outlines(window, layer), projection)
    # The finer lines are for windows of a quarter of the globe.
    edges = np.arange(window.west, window.east + 1, _QUARTER)
    quarters = [
        outlines(Window(west, east, window.south, window.north), layer)
        for west, east in pairwise(edges)
    ]
    parts = [part for quarter in quarters for part in shapely.get_parts(quarter)]
    return _on_map(shapely.MultiLineString(parts), projection)


@lru_cache(maxsize=16)
def _graticule(projection: Projection) -> NDArray[np.float32]:
    window = _window(projection)
    meridians = np.arange(-180, 180, _MERIDIANS) - projection.longitude
    meridians = (meridians + 180) % 360 - 180 + projection.longitude
    parallels = np.arange(-60, 61, _MERIDIANS)
    lines = [shapely.LineString([(m, window.south), (m, window.north)]) for m in meridians]
    lines += [
        shapely.LineString([(window.west, p), (window.east, p)])
        for p in parallels
        if window.south <= p <= window.north
    ]
    return _on_map(shapely.MultiLineString(lines), projection)


def _window(projection: Projection) -> Window:
    """What of the globe may be seen, from seam to seam."""
    south = POLAR_EDGE if projection.name == "north_polar_stereographic" else -90.0
    north = -POLAR_EDGE if projection.name == "south_polar_stereographic" else 90.0
    return Window(projection.longitude - 180, projection.longitude + 180, south, north)


def _on_map(geometry: BaseGeometry, projection: Projection) -> NDArray[np.float32]:
    """Lines as points of the map; what lies beyond the horizon leaves a gap."""
    dense = shapely.get_parts(shapely.segmentize(geometry, _FINE_DEGREES))
    points, owners = shapely.get_coordinates(dense, return_index=True)
    if not len(points):
        return np.empty((0, 2), np.float32)
    # A seam's two sides are one meridian: each point is kept on the side that it came from.
    half = 180 - 1e-7
    lon = np.clip(points[:, 0], projection.longitude - half, projection.longitude + half)
    placed = np.stack(projection.forward(lon, points[:, 1]), axis=1)
    ends = np.flatnonzero(np.diff(owners)) + 1
    return np.insert(placed, ends, np.nan, axis=0).astype(np.float32)
