"""A grid's axis as equal steps on the screen, each showing one cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.scene import Grid

_MAX_SLOTS = 16_384


@dataclass(frozen=True, kw_only=True, eq=False)
class Slots:
    """Equal steps from west to east, or from north to south.

    On an even axis each slot is a cell; an uneven one gets slots as fine as its smallest step, of
    which each shows the cell nearest to it.
    """

    first: float
    """Outer edge of the first slot, in degrees."""
    step: float
    """Degrees from slot to slot; negative from north to south."""
    cells: NDArray[np.intp]
    """(N,) index on the grid's axis of the cell that each slot shows."""
    uneven: NDArray[np.float64] | None = None
    """(n,) the axis itself, where its cells differ in size."""
    wraps: bool
    """Whether the first slot follows on the last, round the globe."""

    @classmethod
    def rows(cls, grid: Grid) -> Self:
        """From the north."""
        edges = grid.cells
        return cls._of(grid.latitudes, edges.north, edges.south, grid.even)

    @classmethod
    def columns(cls, grid: Grid) -> Self:
        """From the west."""
        edges = grid.cells
        return cls._of(grid.longitudes, edges.west, edges.east, grid.even)

    @classmethod
    def _of(cls, axis: NDArray[np.float64], first: float, last: float, even: bool) -> Self:
        order = np.argsort(axis if last > first else -axis)
        length = last - first
        wraps = length > 0 and length >= 360 * (1 - 1e-3)
        if even:
            return cls(first=first, step=length / axis.size, cells=order, wraps=wraps)
        finest = np.abs(np.diff(axis)).min()
        count = min(int(np.ceil(abs(length) / finest)), _MAX_SLOTS)
        step = length / count
        centres = first + step * (np.arange(count) + 0.5)
        cells = _nearest(axis, centres)
        return cls(first=first, step=step, cells=cells, uneven=axis, wraps=wraps)

    def __len__(self) -> int:
        return self.cells.size

    def at(self, degrees: NDArray[np.float64]) -> NDArray[np.intp]:
        """Indices of the cells at some places; -1 beyond the axis and for NaN."""
        offset = np.asarray(degrees) - self.first
        if self.step > 0:
            offset = offset % 360
        with np.errstate(invalid="ignore"):
            slot = np.floor(offset / self.step)
            inside = (slot >= 0) & (slot < len(self))
        # A place on the last edge belongs to the last cell.
        inside |= offset == self.step * len(self)
        slot = np.where(inside, np.minimum(slot, len(self) - 1), 0).astype(np.intp)
        if self.uneven is None:
            return np.where(inside, self.cells[slot], -1)
        return np.where(inside, _nearest(self.uneven, self.first + offset), -1)

    def reach(self, low: float, high: float) -> tuple[int, int]:
        """The first slot and the one after the last between two places, in the axis' direction.

        Round the globe they may lie beyond the axis, on its next turn.
        """
        # The small allowance keeps edges that are a cell's own from reaching into the next one.
        begin = int(np.floor((low - self.first) / self.step + 1e-6))
        end = int(np.ceil((high - self.first) / self.step - 1e-6))
        if not self.wraps:
            begin = min(max(begin, 0), len(self) - 1)
            return begin, max(min(end, len(self)), begin + 1)
        return (0, len(self)) if end - begin >= len(self) else (begin, max(end, begin + 1))

    def pieces(self, begin: int, end: int, stride: int) -> tuple[float, NDArray[np.int32]]:
        """Slots in pieces of `stride`: their outer edge, and of each the cell in its middle.

        Pieces begin at multiples of the stride, so that a pan doesn't change which cells are shown.
        """
        begin -= begin % stride
        slots = np.arange(begin, end, stride) + stride // 2
        slots = slots % len(self) if self.wraps else np.minimum(slots, len(self) - 1)
        return self.first + begin * self.step, self.cells[slots].astype(np.int32)


def _nearest(axis: NDArray[np.float64], places: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Indices on the axis of what is nearest to some places."""
    order = np.argsort(axis)
    middles = (axis[order][1:] + axis[order][:-1]) / 2
    return order[np.searchsorted(middles, places)]
