"""Map projections of a spherical earth of radius 1, by PROJ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from aurora_dash.figures.coastlines import Window
from aurora_dash.figures.scene import Grid

Name = Literal[
    "plate_carree",
    "north_polar_stereographic",
    "south_polar_stereographic",
    "orthographic",
    "robinson",
]

POLAR_EDGE = 20.0
"""Latitude, north or south, at which polar maps end."""

_PROJ = {
    "north_polar_stereographic": "+proj=stere +lat_0=90 +lon_0={longitude} +R=1",
    "south_polar_stereographic": "+proj=stere +lat_0=-90 +lon_0={longitude} +R=1",
    "orthographic": "+proj=ortho +lat_0={latitude} +lon_0={longitude} +R=1",
    "robinson": "+proj=robin +lon_0={longitude} +R=1",
}


@dataclass(frozen=True)
class Extent:
    """A rectangle of map coordinates: degrees in plate carrée, else radii of the earth."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Projection:
    """A projection and its centre in degrees, which plate carrée and the polar maps' latitude
    leave out of account.
    """

    name: Name = "plate_carree"
    longitude: float = 0.0
    latitude: float = 0.0

    @classmethod
    def centred(cls, name: Name, grid: Grid) -> Projection:
        """Round the middle of a region; round the Greenwich meridian of a globe."""
        window = grid.window
        if window.east - window.west > 270:
            return cls(name, 0.0, 30.0 if name == "orthographic" else 0.0)
        longitude, latitude = (window.west + window.east) / 2, (window.south + window.north) / 2
        return cls(name, round(longitude, 3), round(latitude, 3))

    @property
    def is_plain(self) -> bool:
        """Whether longitudes and latitudes are the map's own coordinates."""
        return self.name == "plate_carree"

    def forward(self, longitudes: ArrayLike, latitudes: ArrayLike) -> tuple[Any, Any]:
        """Map coordinates of places in degrees; NaN where the map doesn't show them."""
        lon, lat = np.broadcast_arrays(
            np.asarray(longitudes, np.float64), np.asarray(latitudes, np.float64)
        )
        if self.is_plain:
            return lon.copy(), lat.copy()
        shown = self._shows(lat)
        x, y = _transform(self)(lon, lat)
        seen = shown & np.isfinite(x) & np.isfinite(y)
        return np.where(seen, x, np.nan), np.where(seen, y, np.nan)

    def inverse(self, x: ArrayLike, y: ArrayLike) -> tuple[Any, Any]:
        """Longitudes in [-180, 180] and latitudes of map coordinates; NaN beyond the map's rim.

        Plate carrée keeps the longitudes that it is given.
        """
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        if self.is_plain:
            return x.copy(), np.where(np.abs(y) <= 90, y, np.nan)
        lon, lat = _transform(self)(x, y, inverse=True)
        seen = np.isfinite(lon) & np.isfinite(lat)
        seen &= self._shows(np.where(seen, lat, 0.0))
        return np.where(seen, lon, np.nan), np.where(seen, lat, np.nan)

    def extent(self, grid: Grid) -> Extent:
        """The smallest rectangle round what the map shows of a grid."""
        window = grid.window
        if self.is_plain:
            return Extent(window.west, window.east, window.south, window.north)
        if window.east - window.west >= 360 - 1e-3:
            window = window._replace(west=self.longitude - 180, east=self.longitude + 180)
        x, y = self.forward(*_places(window))
        if not np.isfinite(x).any():
            # Nothing of the grid is on this side of the earth: the rim of the empty map.
            x, y = self.forward(*_places(Window(-180.0, 180.0, -90.0, 90.0)))
        return Extent(*(float(f(v)) for v in (x, y) for f in (np.nanmin, np.nanmax)))

    def _shows(self, latitudes: NDArray[np.float64]) -> NDArray[np.bool_]:
        # Half a millionth of a degree, since what goes there and back is rounded.
        if self.name == "north_polar_stereographic":
            return latitudes >= POLAR_EDGE - 5e-7
        if self.name == "south_polar_stereographic":
            return latitudes <= 5e-7 - POLAR_EDGE
        return np.abs(latitudes) <= 90


@lru_cache(maxsize=32)
def _transform(projection: Projection) -> pyproj.Proj:
    text = _PROJ[projection.name]
    return pyproj.Proj(text.format(longitude=projection.longitude, latitude=projection.latitude))


def _places(window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A fine net over a window, which touches its edges and the rim of any half of the globe."""
    # A little within the seams, which would project to the map's other side.
    inset = 1e-9
    longitudes = np.linspace(window.west + inset, window.east - inset, 721)
    latitudes = np.linspace(window.south, window.north, 361)
    polar = np.array([-POLAR_EDGE, POLAR_EDGE])
    within = polar[(polar > window.south) & (polar < window.north)]
    lon, lat = np.meshgrid(longitudes, np.concatenate([latitudes, within]))
    return lon, lat
