"""What all panels of a map share: what is shown, where, for when, and what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.errors import DataError
from aurora_dash.figures.coastlines import Window
from aurora_dash.figures.labels import quantity, validity
from aurora_dash.variables import Variable

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A quantity on a grid at a time. Latitudes (H,) and longitudes (W,) are in degrees."""

    variable: Variable
    latitudes: ArrayLike
    longitudes: ArrayLike
    level: float | None = None
    """hPa."""
    valid_time: datetime | np.datetime64 | None = None
    lead_hours: float | None = None
    labels: Sequence[str] = ()
    """What must not be overlooked, such as ``synthetic data`` or ``random weights``."""
    attribution: str = ""
    remark: str = ""
    """What the subtitle begins with."""

    @property
    def title(self) -> str:
        """Quantity, level and unit."""
        return quantity(self.variable, self.level)

    @property
    def subtitle(self) -> str:
        """Remark, valid time and lead, as far as they are known."""
        told = (self.remark, validity(self.valid_time, self.lead_hours))
        return ", ".join(part for part in told if part)

    def difference(self, prediction: ArrayLike, target: ArrayLike) -> FloatArray:
        """Prediction minus target (H, W); of directions in degrees, the shorter way round."""
        error = np.asarray(prediction, np.float32) - np.asarray(target, np.float32)
        if self.variable.circular:
            error = (error + 180) % 360 - 180
        return error


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Axes as they are drawn, and how to bring a field into their order.

    A grid all round the globe is drawn from -180 to 180; a region keeps its order, with western
    longitudes as negative numbers.
    """

    latitudes: NDArray[np.float64]
    longitudes: NDArray[np.float64]
    order: NDArray[np.intp]
    """Columns of a field from west to east."""

    @classmethod
    def of(cls, scene: Scene) -> Grid:
        """The grid of a scene; `DataError` if its axes are no rising or falling sequences."""
        latitudes = _axis("latitude", scene.latitudes)
        longitudes = np.unwrap(_axis("longitude", scene.longitudes), period=360)
        order = np.argsort(longitudes)
        longitudes = longitudes[order]
        step = np.abs(np.diff(longitudes)).max(initial=0)
        if longitudes.size > 1 and longitudes[-1] - longitudes[0] + step >= 360 - step / 2:
            centred = (longitudes + 180) % 360 - 180
            order, longitudes = order[np.argsort(centred)], np.sort(centred)
        elif longitudes[0] >= 180:
            longitudes = longitudes - 360
        for name, axis in (("latitude", latitudes), ("longitude", longitudes)):
            steps = np.diff(axis)
            if not ((steps > 0).all() or (steps < 0).all()):
                raise DataError(f"The {name}s of the map neither rise nor fall: {axis[:8]} ...")
        return cls(latitudes=latitudes, longitudes=longitudes, order=order)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.latitudes.size, self.longitudes.size

    @property
    def cells(self) -> Window:
        """Outer edges of the outermost cells, which are half a cell from their centres."""
        return Window(*_edges(self.longitudes), *_edges(self.latitudes))

    @property
    def window(self) -> Window:
        """What of the cells lies on the globe: cells at the poles reach beyond them."""
        cells = self.cells
        return cells._replace(south=max(cells.south, -90.0), north=min(cells.north, 90.0))

    @property
    def even(self) -> bool:
        """Whether every cell is within a tenth of itself of where equal steps would put it."""
        for axis in (self.latitudes, self.longitudes):
            equal, step = np.linspace(axis[0], axis[-1], axis.size, retstep=True)
            if axis.size > 2 and np.abs(axis - equal).max() > 0.1 * abs(step):
                return False
        return True

    @property
    def stretch(self) -> float:
        """How much taller than wide a degree is drawn: 1/cos at mid-latitude of a region.

        Grids that span more than half the latitudes keep the plain rectangle people know.
        """
        window = self.window
        if window.north - window.south > 90:
            return 1.0
        return float(1 / np.cos(np.deg2rad((window.north + window.south) / 2)))

    @property
    def height_to_width(self) -> float:
        """Of the map as drawn."""
        window = self.window
        return self.stretch * (window.north - window.south) / (window.east - window.west)

    def require(self, values: ArrayLike, name: str) -> None:
        """`DataError` for a field of another shape than the grid's."""
        if np.shape(values) != self.shape:
            raise DataError(f"{name} has shape {np.shape(values)}; its grid is {self.shape}.")

    def field(self, values: ArrayLike, name: str) -> FloatArray:
        """A field (H, W) as float32 in the order of the axes; `DataError` for another shape."""
        self.require(values, name)
        array = np.asarray(values, dtype=np.float32)
        # Only ever turned, which is many times faster than picking columns one by one.
        start = int(self.order[0])
        if np.array_equal(self.order, np.roll(np.arange(self.order.size), -start)):
            return array if start == 0 else np.roll(array, -start, axis=1)
        return array[:, self.order]


def _axis(name: str, values: ArrayLike) -> NDArray[np.float64]:
    axis: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if axis.ndim != 1 or not axis.size or not np.isfinite(axis).all():
        raise DataError(f"The {name}s of a map must be finite numbers in one row: {axis.shape}.")
    return axis


def _edges(axis: NDArray[Any]) -> tuple[float, float]:
    """Half a cell beyond the first and the last centre, in rising order."""
    if axis.size == 1:
        return float(axis[0] - 0.5), float(axis[0] + 0.5)
    first, last = axis[0] - (axis[1] - axis[0]) / 2, axis[-1] + (axis[-1] - axis[-2]) / 2
    return float(min(first, last)), float(max(first, last))
