"""Maps for print: PNG, SVG or PDF through Cartopy, with everything a reader needs on the figure.

Built from matplotlib's objects without pyplot, so that nothing is shared between figures; a lock
keeps the parts of matplotlib that are not made for threads (fonts, settings) to one at a time.
"""

from __future__ import annotations

import io
import textwrap
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from cartopy import crs
from cartopy.mpl.geoaxes import GeoAxes
from cartopy.mpl.ticker import LatitudeLocator, LongitudeLocator
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from aurora_dash.figures.coastlines import Layer, outlines
from aurora_dash.figures.colours import colour_map
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.map_layout import Bar, Cell, Plan, fitting_width, plan
from aurora_dash.figures.panels import Panel, PanelSet, comparison_panels, field_panels
from aurora_dash.figures.scene import Grid, Scene
from aurora_dash.figures.theme import NO_DATA, VERMILION

Format = Literal["png", "svg", "pdf"]
Box = tuple[float, float, float, float]
"""Left, bottom, width and height as fractions of the figure."""

_DRAWING = threading.Lock()
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "svg.hashsalt": "aurora-dash",
    "pdf.fonttype": 42,
}
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
_PIXELS_PER_INCH = 110
"""At which the plan's pixels are printed: 12 of them are a letter of 8 points."""
_LEFT, _RIGHT, _BAR = 62, 20, 11
_TITLE, _BADGE = 50, 26
_NOTE_LINE, _NOTE_CHARACTER = 12, 5.2
_LEAST_INNER = 330
_TICK_SPACING = 56
_MERIDIANS = 5
_LINES: dict[Layer, dict[str, Any]] = {
    "boundaries": {"edgecolor": "0.25", "linewidth": 0.3},
    "coastline": {"edgecolor": "0.1", "linewidth": 0.6},
}


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Turns a plan's pixels into a figure's fractions."""

    inner: float
    places: Plan

    @property
    def width(self) -> float:
        return self.inner + _LEFT + _RIGHT

    @property
    def inches(self) -> tuple[float, float]:
        return self.width / _PIXELS_PER_INCH, self.places.height / _PIXELS_PER_INCH

    @property
    def left(self) -> float:
        return _LEFT / self.width

    def below_top(self, pixels: float) -> float:
        return 1 - pixels / self.places.height

    def above_bottom(self, pixels: float) -> float:
        return pixels / self.places.height

    def _y(self, fraction: float) -> float:
        inner = self.places.height - self.places.top - self.places.bottom
        return (self.places.bottom + fraction * inner) / self.places.height

    def box(self, cell: Cell) -> Box:
        left, right = ((_LEFT + x * self.inner) / self.width for x in cell.x)
        bottom, top = (self._y(y) for y in cell.y)
        return left, bottom, right - left, top - bottom

    def bar_box(self, bar: Bar) -> Box:
        length = bar.length * self.inner / self.width
        centre = (_LEFT + bar.x * self.inner) / self.width
        thickness = _BAR / self.places.height
        return centre - length / 2, self._y(bar.y) - thickness, length, thickness


def comparison_figure(
    prediction: ArrayLike,
    target: ArrayLike,
    scene: Scene,
    *,
    persistence: ArrayLike | None = None,
    file_format: Format = "png",
    dpi: int = 200,
) -> bytes:
    """Prediction, target and their difference (H, W) as the bytes of an image file.

    Colours are those of `aurora_dash.figures.maps.comparison_maps`. Equal inputs give equal bytes.
    """
    return _render(comparison_panels(prediction, target, scene, persistence), file_format, dpi)


def field_figure(
    values: ArrayLike,
    scene: Scene,
    *,
    title: str = "",
    file_format: Format = "png",
    dpi: int = 200,
) -> bytes:
    """One field (H, W) as the bytes of an image file."""
    return _render(field_panels(values, scene, title), file_format, dpi)


def _render(shown: PanelSet, file_format: Format, dpi: int) -> bytes:
    with _DRAWING, rc_context(_SETTINGS):
        figure = _compose(shown)
        FigureCanvasAgg(figure)
        file = io.BytesIO()
        figure.savefig(
            file, format=file_format, dpi=dpi, facecolor="white", metadata=_UNDATED[file_format]
        )
    return file.getvalue()


def _compose(shown: PanelSet) -> Figure:
    shape = shown.grid.height_to_width
    inner = max(fitting_width(shape, len(shown.panels)), _LEAST_INNER)
    notes = textwrap.wrap(
        " ".join([*shown.remarks, "Made with Natural Earth."]), int(inner / _NOTE_CHARACTER)
    )
    places = plan(
        shown.scale_indices,
        shape,
        top=_TITLE + (_BADGE if shown.badge else 0),
        bottom=_NOTE_LINE * len(notes) + 8,
        inner_width=inner,
    )
    page = _Page(inner=inner, places=places)
    figure = Figure(figsize=page.inches)
    images: dict[int, ScalarMappable] = {}
    for panel, cell in zip(shown.panels, places.cells, strict=True):
        ax = figure.add_axes(page.box(cell), projection=_projection(shown.grid), anchor="S")
        images[panel.scale] = _draw_map(ax, panel, shown)
        ax.set_title(panel.title, loc="left", fontsize=9, pad=4)
        _draw_grid(ax, latitudes=cell.x[0] == 0)
    for scale, bar in enumerate(places.bars):
        _draw_bar(figure, images[scale], page, bar, pretty_unit(shown.scene.variable.unit))
    _write_words(figure, shown, page, notes)
    return figure


def _draw_bar(figure: Figure, image: ScalarMappable, page: _Page, bar: Bar, unit: str) -> None:
    drawn = figure.colorbar(
        image,
        cax=figure.add_axes(page.bar_box(bar)),
        orientation="horizontal",
        ticks=MaxNLocator(
            max(2, int(bar.length * page.inner / _TICK_SPACING)), steps=[1, 2, 5, 10]
        ),
        format=FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")),
    )
    drawn.set_label(unit, labelpad=1)
    drawn.outline.set_linewidth(0.4)


def _projection(grid: Grid) -> crs.PlateCarree:
    """Centred on the window, so that no window, a globe's neither, crosses the map's seam."""
    return crs.PlateCarree(central_longitude=(grid.window.west + grid.window.east) / 2)


def _draw_map(ax: GeoAxes, panel: Panel, shown: PanelSet) -> ScalarMappable:
    window = shown.grid.window
    half = (window.east - window.west) / 2
    centre = window.west + half
    ax.set_facecolor(NO_DATA)
    cells = _draw_cells(ax, panel, shown, centre)
    for layer, look in _LINES.items():
        lines = shapely.transform(outlines(window, layer), lambda xy: xy - np.array([centre, 0.0]))
        ax.add_geometries([lines], ax.projection, facecolor="none", **look)
    ax.set_xlim(-half, half)
    ax.set_ylim(window.south, window.north)
    ax.set_aspect(shown.grid.stretch)
    return cells


def _draw_cells(ax: GeoAxes, panel: Panel, shown: PanelSet, centre: float) -> ScalarMappable:
    """As an image where the cells are of one size, which is many times faster than a mesh."""
    grid, scale = shown.grid, shown.scales[panel.scale]
    colours = {"cmap": colour_map(scale.cmap), "vmin": scale.low, "vmax": scale.high}
    drawn: ScalarMappable
    if not grid.even:
        x, y = grid.longitudes - centre, grid.latitudes
        drawn = ax.pcolormesh(x, y, panel.values, shading="nearest", rasterized=True, **colours)
        return drawn
    edges = grid.cells
    drawn = ax.imshow(
        panel.values,
        extent=(edges.west - centre, edges.east - centre, edges.south, edges.north),
        origin="upper" if grid.latitudes[0] > grid.latitudes[-1] else "lower",
        interpolation="nearest",
        **colours,
    )
    return drawn


def _draw_grid(ax: GeoAxes, *, latitudes: bool) -> None:
    sides = {"bottom": "x"} | ({"left": "y"} if latitudes else {})
    lines = ax.gridlines(draw_labels=sides, linewidth=0.3, color="0.4", alpha=0.5)
    lines.xlocator = LongitudeLocator(_MERIDIANS)
    lines.ylocator = LatitudeLocator(_MERIDIANS)
    lines.xlabel_style = lines.ylabel_style = {"size": 7}
    ax.spines["geo"].set_linewidth(0.5)


def _write_words(figure: Figure, shown: PanelSet, page: _Page, notes: Sequence[str]) -> None:
    """Title, valid time and labels above; remarks and attribution below."""
    left = page.left
    figure.text(left, page.below_top(8), shown.scene.title, va="top", fontsize=11, weight="bold")
    figure.text(left, page.below_top(28), shown.scene.subtitle, va="top", fontsize=9)
    if shown.badge:
        figure.text(
            left,
            page.below_top(52),
            shown.badge,
            va="top",
            color=VERMILION,
            fontsize=8,
            bbox={"edgecolor": VERMILION, "facecolor": "white", "linewidth": 0.6, "pad": 3},
        )
    figure.text(left, page.above_bottom(6), "\n".join(notes), fontsize=6, color="0.35")
