"""Where panels, colour bars and words of a map figure go, in pixels first.

Panels of a figure have linked axes. Rows hold as many panels as their shape allows; a colour bar
lies under the panels that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

INNER_WIDTH = 1_020
"""Pixels between the margins for which heights are made, as on a page 1100 wide; a narrower page
shrinks the panels, not the words."""

_BAR = 84
_GAP_X = 40
_PANEL_TITLE = 30
_MIN_PANEL, _MAX_PANEL = 180, 560


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A panel's place as fractions of the plotting area."""

    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A horizontal colour bar's centre, top and length as fractions of the plotting area."""

    x: float
    y: float
    length: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Places of everything."""

    cells: tuple[Cell, ...]
    bars: tuple[Bar, ...]
    height: int
    top: int
    bottom: int


def plan(
    scales: tuple[int, ...],
    height_to_width: float,
    *,
    top: int,
    bottom: int,
    inner_width: float = INNER_WIDTH,
) -> Plan:
    """Places for panels; `scales` names for each which colour scale it uses (0, 1 ...).

    `top` and `bottom` are the pixels that title and footnotes need. As many panels stand in a row
    as fit by the shape of the map: all of tall ones, two of a globe.
    """
    columns = fitting_columns(height_to_width, len(scales))
    rows = [range(start, len(scales))[:columns] for start in range(0, len(scales), columns)]
    gap = _GAP_X / inner_width
    width = (1 - gap * (columns - 1)) / columns
    panel_height = min(max(width * inner_width * height_to_width, _MIN_PANEL), _MAX_PANEL)
    row_height = _PANEL_TITLE + panel_height + _BAR
    inner = row_height * len(rows)
    cells = []
    for row, panels in enumerate(rows):
        upper = 1 - (row * row_height + _PANEL_TITLE) / inner
        for column in range(len(panels)):
            left = column * (width + gap)
            right = min(1.0, left + width)
            cells.append(Cell(x=(left, right), y=(upper - panel_height / inner, upper)))
    return Plan(
        cells=tuple(cells),
        bars=_bars(scales, cells, drop=34 / inner),
        height=round(inner + top + bottom),
        top=top,
        bottom=bottom,
    )


def fitting_columns(height_to_width: float, num_panels: int) -> int:
    """How many panels stand in a row."""
    if height_to_width >= 0.7:
        return num_panels
    return min(num_panels, 2 if height_to_width >= 0.3 else 1)


def fitting_width(height_to_width: float, num_panels: int) -> float:
    """Width between the margins at which tall panels leave no gaps; at most `INNER_WIDTH`."""
    columns = fitting_columns(height_to_width, num_panels)
    return min(INNER_WIDTH, columns * _MAX_PANEL / height_to_width + (columns - 1) * _GAP_X)


def _bars(scales: tuple[int, ...], cells: list[Cell], *, drop: float) -> tuple[Bar, ...]:
    """Under the lowest row in which a scale occurs, centred on its panels there."""
    bars = []
    for scale in sorted(set(scales)):
        mine = [cell for cell, used in zip(cells, scales, strict=True) if used == scale]
        lowest = min(cell.y[0] for cell in mine)
        row = [cell for cell in mine if cell.y[0] == lowest]
        left, right = min(cell.x[0] for cell in row), max(cell.x[1] for cell in row)
        length = min(right - left, 0.45)
        bars.append(Bar(x=(left + right) / 2, y=lowest - drop, length=length))
    return tuple(bars)
