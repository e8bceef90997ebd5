"""Boxes that are cut out of a grid."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """Rows and columns of a grid; never across its edge, so that longitudes keep increasing."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """Of latitudes, from the north."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Of longitudes, from the west."""
        return slice(self.left, self.left + self.width)


def places(grid: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """At how many rows and columns a box of `size` (height, width) can begin in a grid.

    `ValueError` if it does not fit.
    """
    rows, columns = grid[0] - size[0] + 1, grid[1] - size[1] + 1
    if min(rows, columns) < 1:
        raise ValueError(f"a box of {size[0]} x {size[1]} does not fit {grid[0]} x {grid[1]}")
    return rows, columns


def centre(grid: tuple[int, int], size: tuple[int, int]) -> Box:
    """The box of `size` in the middle of a grid."""
    rows, columns = places(grid, size)
    return Box((rows - 1) // 2, (columns - 1) // 2, *size)
