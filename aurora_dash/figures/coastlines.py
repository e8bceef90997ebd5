"""Coastlines and land boundaries of Natural Earth, from `assets/`, cut to a map's window."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import shapefile
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from aurora_dash.errors import DataError

NATURAL_EARTH = Path(__file__).parents[2] / "assets" / "natural_earth"
"""In the layout of Cartopy's ``pre_existing_data_dir``."""

Layer = Literal["coastline", "boundaries"]

_FILES = {
    "coastline": "physical/ne_{scale}_coastline.shp",
    "boundaries": "cultural/ne_{scale}_admin_0_boundary_lines_land.shp",
}
_WIDE_DEGREES = 90.0


class Window(NamedTuple):
    """Edges of a map in degrees: west below east, in whatever winding the data has."""

    west: float
    east: float
    south: float
    north: float


def outlines(
    window: Window, layer: Layer = "coastline", *, folder: Path = NATURAL_EARTH
) -> BaseGeometry:
    """The layer's lines within the window, in the window's own longitudes.

    Windows may lie in [-180, 180], in [0, 360) or across either seam. Wide ones get the coarse
    lines (1:110 million), others the finer ones (1:50 million).
    """
    scale = "110m" if window.east - window.west > _WIDE_DEGREES else "50m"
    path = folder / "shapefiles" / "natural_earth" / _FILES[layer].format(scale=scale)
    return _cut(path, window)


def outline_points(
    window: Window, layer: Layer = "coastline", *, folder: Path = NATURAL_EARTH
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Longitudes and latitudes (N,) of all lines one after another, NaN between them."""
    lines = shapely.get_parts(outlines(window, layer, folder=folder))
    lines = lines[shapely.length(lines) > 0]
    gap = np.full((1, 2), np.nan)
    parts = [part for line in lines for part in (shapely.get_coordinates(line), gap)]
    points = np.concatenate([*parts, np.empty((0, 2))]).astype(np.float32)
    return points[:-1, 0], points[:-1, 1]


@lru_cache(maxsize=32)
def _cut(path: Path, window: Window) -> BaseGeometry:
    lines = _lines(path)
    first, last = (int((edge + 180) // 360) for edge in (window.west, window.east))
    wound = [_turned(lines, turn) for turn in range(first, last + 1)]
    west, east, south, north = window
    cut = shapely.clip_by_rect(np.array(wound, dtype=object), west, south, east, north)
    parts = shapely.get_parts(cut)
    return shapely.MultiLineString(_simple(parts))


def _turned(lines: BaseGeometry, turns: int) -> BaseGeometry:
    """The lines, so many times round the globe to the east."""
    return shapely.transform(lines, lambda points: points + np.array([360.0 * turns, 0.0]))


def _simple(parts: NDArray[Any]) -> list[Any]:
    """Only the lines: cutting leaves a point where a line touches the window's edge."""
    return [line for part in parts for line in shapely.get_parts(part) if line.length > 0]


@lru_cache(maxsize=4)
def _lines(path: Path) -> BaseGeometry:
    """All lines of a shapefile as one geometry."""
    try:
        with shapefile.Reader(shp=str(path)) as reader:
            shapes = reader.shapes()
    except (OSError, shapefile.ShapefileException) as error:
        raise DataError(
            f"The map lines in {path} can't be read: {error}.",
            remedy="They are part of the repository, under assets/natural_earth: restore them.",
        ) from error
    pieces: list[NDArray[np.float64]] = []
    for shape in shapes:
        pieces += np.split(np.asarray(shape.points, dtype=np.float64), list(shape.parts)[1:])
    return shapely.multilinestrings([shapely.linestrings(piece) for piece in pieces])
