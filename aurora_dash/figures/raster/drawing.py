"""A figure's maps as heads and blocks of numbers for the browser's canvas.

`ui/map_canvas.py` sends what is made here and tells the browser's side of it. Map coordinates are
degrees in plate carrée and radii of the earth in other projections, x to the right, y upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.colours import colour_table
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.panels import PanelSet, Wind
from aurora_dash.figures.raster.code import Code
from aurora_dash.figures.raster.outlines import lines, rim
from aurora_dash.figures.raster.pixels import WHOLE_CELLS, Lens, Pixels
from aurora_dash.figures.raster.projections import Extent, Projection
from aurora_dash.figures.raster.wind import along
from aurora_dash.figures.raster.wire import Block

FRAME_CELLS = 160_000
"""Pixels of one panel of an animation's frame: a hundred frames of three panels are 100 MB."""


class Sheet:
    """Blocks, and the names by which a head refers to them."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def put(self, array: NDArray[Any]) -> str:
        """Keep an array; its block's name."""
        block = Block.of(array)
        self.blocks.append(block)
        return block.name


class Drawing:
    """The maps of a `PanelSet` in a projection, as a whole; the fields themselves are not kept.

    `most_cells` bounds the pixels of a panel of the whole, for frames of an animation.
    """

    def __init__(
        self,
        shown: PanelSet,
        projection: Projection | None = None,
        most_cells: int = WHOLE_CELLS,
    ) -> None:
        self.lens = Lens(shown.grid, projection or Projection())
        self._codes = [Code.spanning(panel.values) for panel in shown.panels]
        self._most = most_cells
        self._sheet = Sheet()
        self.head = self._head(shown)

    @property
    def blocks(self) -> Sequence[Block]:
        """What the head refers to."""
        return self._sheet.blocks

    @cached_property
    def place(self) -> str:
        """Equal for drawings of the same map, over which a zoom stays what it is."""
        extent, projection = self.lens.extent, self.lens.projection
        edges = (extent.left, extent.right, extent.bottom, extent.top)
        return "/".join([projection.name, *(f"{edge:.4g}" for edge in edges)])

    def _head(self, shown: PanelSet) -> dict[str, Any]:
        grid, lens, put = shown.grid, self.lens, self._sheet.put
        plain = lens.projection.is_plain
        extent = lens.extent
        return {
            "title": shown.scene.title,
            "subtitle": shown.scene.subtitle,
            "badge": shown.badge,
            "missing": shown.has_missing,
            "notes": [*shown.notes, shown.scene.attribution],
            "unit": pretty_unit(shown.scene.variable.unit),
            "place": self.place,
            "plain": plain,
            "wraps": lens.wraps,
            "extent": [extent.left, extent.right, extent.bottom, extent.top],
            "stretch": grid.stretch if plain else 1.0,
            "cell": lens.cell,
            "latitudes": put(grid.latitudes),
            "longitudes": put(grid.longitudes),
            "rim": put(rim(lens)),
            "scales": [
                {"colours": put(colour_table(s.cmap)), "low": s.low, "high": s.high}
                for s in shown.scales
            ],
            "panels": [
                {
                    "title": panel.title,
                    "scale": panel.scale,
                    "low": code.low,
                    "high": code.high,
                }
                for panel, code in zip(shown.panels, self._codes, strict=True)
            ],
            "whole": self._layer(self._sheet, shown, lens.whole(self._most), None),
        }

    def _layer(
        self, sheet: Sheet, shown: PanelSet, pixels: Pixels, seen: Extent | None
    ) -> dict[str, Any]:
        """Pixels, values of all panels in them, lines and wind; the whole's `seen` is None."""
        put = sheet.put
        codes = [
            put(code.write(pixels.of(panel.values)))
            for panel, code in zip(shown.panels, self._codes, strict=True)
        ]
        return {
            **_placed(pixels),
            "rows": None if pixels.rows is None else put(pixels.rows),
            "columns": None if pixels.columns is None else put(pixels.columns),
            "cells": None if pixels.cells is None else put(pixels.cells),
            "finest": pixels.finest,
            "codes": codes,
            "lines": {kind: put(points) for kind, points in lines(self.lens, seen).items()},
            "winds": [
                self._wind(sheet, panel.wind, seen or self.lens.extent) for panel in shown.panels
            ],
        }

    def _wind(self, sheet: Sheet, wind: Wind | None, seen: Extent) -> dict[str, Any] | None:
        if wind is None:
            return None
        pixels, components = along(wind, self.lens, seen)
        speed = np.hypot(components[..., 0], components[..., 1])
        fastest = float(np.nanmax(speed)) if np.isfinite(speed).any() else 0.0
        return _placed(pixels) | {"wind": sheet.put(components), "fastest": fastest}


class DetailedDrawing(Drawing):
    """One of which parts may be asked for in more detail: it keeps the fields."""

    def __init__(self, shown: PanelSet, projection: Projection | None = None) -> None:
        super().__init__(shown, projection)
        self.shown = shown

    def part(self, sheet: Sheet, seen: Extent, columns: int) -> dict[str, Any]:
        """Head of a part of the map for a canvas of so many pixels' width; blocks go to `sheet`."""
        return self._layer(sheet, self.shown, self.lens.part(seen, columns), seen)


def _placed(pixels: Pixels) -> dict[str, Any]:
    height, width = pixels.shape
    return {
        "left": pixels.left,
        "top": pixels.top,
        "pixelWidth": pixels.width,
        "pixelHeight": pixels.height,
        "width": width,
        "height": height,
    }
