"""Which cell of a grid each pixel of a map shows: of the whole, or of a part in more detail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.raster.projections import Extent, Projection
from aurora_dash.figures.raster.slots import Slots
from aurora_dash.figures.scene import FloatArray, Grid

MAX_COLUMNS = 1440
"""Of a part of a map that is shown in detail: a globe of 0.25 degrees fits."""
WHOLE_CELLS = 400_000
"""Of one panel of the whole, as large as three panels beside each other show it; a grid of no more
cells is sent whole."""
_MAX_PROJECTED = 640_000
_FINE = 0.5
"""A pixel of a projected map of at most so many cells' width shows all there is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """A rectangle of map coordinates in equal pixels from its upper left corner."""

    left: float
    top: float
    width: float
    """Of a pixel."""
    height: float
    """Of a pixel; positive, though rows go down."""
    rows: NDArray[np.int32] | None = None
    """(H,) the grid's row that each row of pixels shows, where rows and columns suffice."""
    columns: NDArray[np.int32] | None = None
    cells: NDArray[np.int32] | None = None
    """(H, W) row times number of columns plus column of the cell; -1 where the map shows none."""
    finest: bool
    """Whether more pixels would show no more of the grid."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        if self.cells is not None:
            height, width = self.cells.shape
            return height, width
        assert self.rows is not None
        assert self.columns is not None
        return self.rows.size, self.columns.size

    def of(self, field: FloatArray) -> FloatArray:
        """What the pixels show of a field on the grid; NaN where it shows none."""
        if self.cells is None:
            return np.asarray(field[np.ix_(self.rows, self.columns)])  # type: ignore[arg-type]
        shown = field.ravel()[self.cells]
        shown[self.cells < 0] = np.nan
        return shown


class Lens:
    """A grid in a projection: the whole of it, and closer looks at parts."""

    def __init__(self, grid: Grid, projection: Projection) -> None:
        self.grid = grid
        self.projection = projection

    @cached_property
    def extent(self) -> Extent:
        """Of the whole map."""
        return self.projection.extent(self.grid)

    @cached_property
    def wraps(self) -> bool:
        """Whether the map repeats itself to the west and the east."""
        return self.projection.is_plain and self._columns.wraps

    @property
    def cell(self) -> float:
        """Width of the finest pixel that shows more than wider ones, in map coordinates."""
        if self.projection.is_plain:
            return self._columns.step
        # On a sphere of radius 1 a step of the latitude is so long near the map's centre.
        return _FINE * float(np.deg2rad(abs(self._rows.step)))

    def whole(self, most: int = WHOLE_CELLS) -> Pixels:
        """All of the map. A grid of at most `most` cells is shown cell by cell, a larger one in
        about so many pixels, and in no more columns than a part.
        """
        if not self.projection.is_plain:
            return self._projected(self.extent, min(most, _MAX_PROJECTED))
        rows, columns = len(self._rows), len(self._columns)
        fits = rows * columns <= most
        cells = self.grid.cells
        return self._plain(
            Extent(cells.west, cells.east, cells.south, cells.north),
            columns
            if fits
            else max(1, min(MAX_COLUMNS, int(columns * np.sqrt(most / (rows * columns))))),
        )

    def part(self, seen: Extent, columns: int = MAX_COLUMNS) -> Pixels:
        """A part of the map in at most `columns` columns of pixels; of no more pixels than the
        grid has cells there.
        """
        columns = max(1, min(columns, MAX_COLUMNS))
        if self.projection.is_plain:
            return self._plain(seen, columns)
        shape = (seen.top - seen.bottom) / (seen.right - seen.left)
        return self._projected(seen, int(columns * columns * shape))

    @cached_property
    def _rows(self) -> Slots:
        return Slots.rows(self.grid)

    @cached_property
    def _columns(self) -> Slots:
        return Slots.columns(self.grid)

    def _plain(self, seen: Extent, most_columns: int) -> Pixels:
        west, east = self._columns.reach(seen.left, seen.right)
        north, south = self._rows.reach(seen.top, seen.bottom)
        # Rows are thinned as columns are, so that pixels keep the shape of cells.
        stride = max(1, -(-(east - west) // most_columns))
        left, columns = self._columns.pieces(west, east, stride)
        top, rows = self._rows.pieces(north, south, stride)
        return Pixels(
            left=left,
            top=top,
            width=stride * self._columns.step,
            height=-stride * self._rows.step,
            rows=rows,
            columns=columns,
            finest=stride == 1,
        )

    def _projected(self, seen: Extent, most: int) -> Pixels:
        across, up = seen.right - seen.left, seen.top - seen.bottom
        size = np.sqrt(across * up / max(most, 1))
        width = max(1, round(across / size))
        height = max(1, round(up / size))
        pixel_width, pixel_height = across / width, up / height
        x = seen.left + pixel_width * (np.arange(width) + 0.5)
        y = seen.top - pixel_height * (np.arange(height) + 0.5)
        longitudes, latitudes = self.projection.inverse(*np.meshgrid(x, y))
        rows, columns = self._rows.at(latitudes), self._columns.at(longitudes)
        cells = np.where((rows < 0) | (columns < 0), -1, rows * self.grid.shape[1] + columns)
        return Pixels(
            left=seen.left,
            top=seen.top,
            width=pixel_width,
            height=pixel_height,
            cells=cells.astype(np.int32),
            finest=max(pixel_width, pixel_height) <= self.cell,
        )
