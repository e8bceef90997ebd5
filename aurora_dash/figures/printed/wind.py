"""Wind over a printed map, as arrows or as streamlines."""

from __future__ import annotations

from typing import Literal

import numpy as np
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aurora_dash.figures.panels import Wind
from aurora_dash.figures.printed.ground import Ground
from aurora_dash.figures.raster.wind import along

WindStyle = Literal["arrows", "streamlines"]

_ARROWS = 26
"""Across a map."""
_STREAMLINES = 90
"""Steps across a map between which streamlines are traced."""
_NICE = (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100)
_COLOUR = "#1a1a1a"


def draw_wind(ax: GeoAxes, wind: Wind, ground: Ground, style: WindStyle) -> None:
    """Draw it in the map's own directions; nothing where it has no value."""
    columns = _ARROWS if style == "arrows" else _STREAMLINES
    x, y, components = _thinned(wind, ground, columns)
    if not np.isfinite(components).any():
        return
    u, v = np.moveaxis(components, -1, 0)
    # matplotlib's own: Cartopy's would project places and directions once more.
    if style == "arrows":
        _arrows(ax, x, y, u, v)
    else:
        missing = ~np.isfinite(u + v)
        Axes.streamplot(
            ax,
            x,
            y[::-1],
            np.ma.array(u, mask=missing)[::-1],
            np.ma.array(v, mask=missing)[::-1],
            color=_COLOUR,
            linewidth=0.6,
            arrowsize=0.7,
            density=1.6,
        )


def _thinned(
    wind: Wind, ground: Ground, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Coordinates (W,) and (H,) of every n-th pixel, and the wind (H, W, 2) there."""
    pixels, components = along(wind, ground.lens, ground.lens.extent)
    height, width = pixels.shape
    step = max(1, round(width / columns))
    rows, across = (np.arange(step // 2, size, step) for size in (height, width))
    x, y = ground.placed(
        pixels.left + pixels.width * (across + 0.5), pixels.top - pixels.height * (rows + 0.5)
    )
    return x, y, components[np.ix_(rows, across)]


def _arrows(
    ax: GeoAxes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
) -> None:
    """Their length is the speed; the key beside the title says how much."""
    typical = float(np.nanpercentile(np.hypot(u, v), 95))
    key = next((speed for speed in _NICE if speed >= typical), _NICE[-1])
    arrows = Axes.quiver(
        ax,
        *np.meshgrid(x, y),
        np.ma.masked_invalid(u),
        np.ma.masked_invalid(v),
        color=_COLOUR,
        scale=_ARROWS * max(typical, 1e-6) / 1.4,
        width=0.0022,
        headwidth=3.6,
        headlength=4.2,
        headaxislength=3.8,
    )
    ax.quiverkey(arrows, 0.93, 1.04, key, f"{key} m s⁻¹", labelpos="W", fontproperties={"size": 7})
