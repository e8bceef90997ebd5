"""One map on Cartopy's axes: cells as an image in the map's own coordinates, and lines over it.

Cartopy would warp images and meshes cell by cell, which takes minutes in some projections. Here
every pixel of the map looks its cell up instead (`figures/raster`), so that a globe of 0.25 degrees
takes a second whatever the projection, with no seam at the dateline and no hole at the poles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from cartopy import crs
from cartopy.mpl.geoaxes import GeoAxes
from cartopy.mpl.ticker import LatitudeLocator, LongitudeLocator
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.path import Path as Outline
from matplotlib.ticker import FixedLocator

from aurora_dash.figures.coastlines import Layer, Window, outlines
from aurora_dash.figures.colours import ColourScale, colour_map
from aurora_dash.figures.panels import Panel
from aurora_dash.figures.raster.pixels import Lens, Pixels
from aurora_dash.figures.raster.projections import Extent, Projection
from aurora_dash.figures.scene import FloatArray, Grid
from aurora_dash.figures.theme import NO_DATA

RADIUS = 6_371_229.0
"""Metres, of the sphere; Cartopy's thresholds are made for metres."""

_COLUMNS = 1_200
_ALL_CELLS = 100_000_000
_MERIDIANS = 5
_GLOBE = Window(-180.0, 180.0, -90.0, 90.0)
_LINES: tuple[tuple[Layer, dict[str, Any]], ...] = (
    # Light under dark, so that coasts are seen on dark colours too.
    ("coastline", {"edgecolor": "1", "linewidth": 1.4, "alpha": 0.45}),
    ("boundaries", {"edgecolor": "0.25", "linewidth": 0.3}),
    ("coastline", {"edgecolor": "0.1", "linewidth": 0.6}),
)


@dataclass(frozen=True, eq=False)
class Ground:
    """Where the cells of a grid lie on a map; the same for all maps of a figure."""

    lens: Lens

    @property
    def grid(self) -> Grid:
        """Of the fields."""
        return self.lens.grid

    @property
    def projection(self) -> Projection:
        """Of the map."""
        return self.lens.projection

    @property
    def height_to_width(self) -> float:
        """Of the map as drawn."""
        if self.projection.is_plain:
            return self.grid.height_to_width
        extent = self.lens.extent
        return (extent.top - extent.bottom) / (extent.right - extent.left)

    @cached_property
    def crs(self) -> crs.Projection:
        """The same projection for Cartopy. A plain map is centred on its window, so that no
        window, a globe's neither, crosses the map's seam.
        """
        name, longitude = self.projection.name, self.projection.longitude
        if self.projection.is_plain:
            return crs.PlateCarree(central_longitude=self.centre)
        globe = crs.Globe(ellipse=None, semimajor_axis=RADIUS, semiminor_axis=RADIUS)
        if name == "robinson":
            return crs.Robinson(central_longitude=longitude, globe=globe)
        if name == "orthographic":
            return crs.Orthographic(longitude, self.projection.latitude, globe=globe)
        pole = 90 if name == "north_polar_stereographic" else -90
        return crs.Stereographic(pole, longitude, globe=globe)

    @cached_property
    def centre(self) -> float:
        """Longitude in the middle of the window."""
        return (self.grid.window.west + self.grid.window.east) / 2

    @cached_property
    def pixels(self) -> Pixels:
        """All cells of a plain map, else as many pixels as print shows."""
        if self.projection.is_plain:
            return self.lens.whole(_ALL_CELLS)
        return self.lens.part(self.lens.extent, _COLUMNS)

    def placed(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The map's coordinates as Cartopy's axes count them."""
        if self.projection.is_plain:
            return x - self.centre, y
        return x * RADIUS, y * RADIUS

    def edges(self, extent: Extent) -> tuple[float, float, float, float]:
        """Left, right, bottom and top as Cartopy's axes count them."""
        left, bottom = self.placed(extent.left, extent.bottom)
        right, top = self.placed(extent.right, extent.top)
        return left, right, bottom, top


def draw_ground(ax: GeoAxes, panel: Panel, scale: ColourScale, ground: Ground) -> ScalarMappable:
    """Cells, coastlines and boundaries; what the colour bar is made of."""
    colours = ScalarMappable(Normalize(scale.low, scale.high), colour_map(scale.cmap))
    pixels = ground.pixels
    height, width = pixels.shape
    shown = Extent(
        pixels.left,
        pixels.left + pixels.width * width,
        pixels.top - pixels.height * height,
        pixels.top,
    )
    ax.imshow(
        _painted(panel.values, pixels, colours),
        extent=ground.edges(shown),
        origin="upper",
        interpolation="nearest",
        transform=ground.crs,
    )
    _draw_lines(ax, ground)
    left, right, bottom, top = ground.edges(ground.lens.extent)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect(ground.grid.stretch if ground.projection.is_plain else "equal")
    if "polar" in ground.projection.name and ground.height_to_width > 0.99:
        _cut_round(ax)
    return colours


def draw_grid(ax: GeoAxes, ground: Ground, *, latitudes: bool) -> None:
    """Meridians and parallels; named at the edges of a plain map."""
    sides: dict[str, str] | bool = False
    if ground.projection.is_plain:
        sides = {"bottom": "x"} | ({"left": "y"} if latitudes else {})
    lines = ax.gridlines(draw_labels=sides, linewidth=0.3, color="0.4", alpha=0.5)
    if ground.projection.is_plain or not _is_global(ground.grid):
        lines.xlocator = LongitudeLocator(_MERIDIANS)
        lines.ylocator = LatitudeLocator(_MERIDIANS)
    else:
        lines.xlocator = FixedLocator(range(-180, 181, 30))
        lines.ylocator = FixedLocator(range(-60, 61, 30))
    lines.xlabel_style = lines.ylabel_style = {"size": 7}
    ax.spines["geo"].set_linewidth(0.5)


def _painted(values: FloatArray, pixels: Pixels, colours: ScalarMappable) -> Any:
    """Colours (H, W, 4): of no value the one that says so; nothing where the map shows no cell."""
    field = pixels.of(values)
    painted = colours.to_rgba(np.ma.masked_invalid(field), bytes=True)
    grey = [int(NO_DATA[at : at + 2], 16) for at in (1, 3, 5)]
    painted[~np.isfinite(field)] = [*grey, 255]
    if pixels.cells is not None:
        painted[pixels.cells < 0] = 0
    return painted


def _draw_lines(ax: GeoAxes, ground: Ground) -> None:
    shift = np.array([ground.centre, 0.0])
    for layer, look in _LINES:
        if ground.projection.is_plain:
            lines = shapely.transform(outlines(ground.grid.window, layer), lambda xy: xy - shift)
            ax.add_geometries([lines], ground.crs, facecolor="none", **look)
        else:
            window = _GLOBE if _is_global(ground.grid) else ground.grid.window
            source = crs.PlateCarree()
            ax.add_geometries([outlines(window, layer)], source, facecolor="none", **look)


def _is_global(grid: Grid) -> bool:
    return grid.window.east - grid.window.west > 270


def _cut_round(ax: GeoAxes) -> None:
    angle = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.sin(angle), np.cos(angle)], axis=1) * 0.5 + 0.5
    ax.set_boundary(Outline(circle), transform=ax.transAxes)
