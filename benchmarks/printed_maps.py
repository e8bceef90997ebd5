"""Seconds for a printed figure of three global maps with wind, in every projection.

    python benchmarks/printed_maps.py             # 0.25 degrees; writes results/printed_maps.json
    python benchmarks/printed_maps.py --tiny      # a small grid; prints instead of writing

Beside each: one of the three maps drawn by Cartopy's own `imshow`, which warps the image.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
from cartopy import crs
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from surroundings import put, surroundings

from aurora_dash.figures.panels import PanelSet, Part, Wind, panel_set
from aurora_dash.figures.printed.ground import Ground
from aurora_dash.figures.publication import Look, panels_figure
from aurora_dash.figures.raster.pixels import Lens
from aurora_dash.figures.raster.projections import Name, Projection
from aurora_dash.figures.scene import Scene
from aurora_dash.variables import Group, describe

RESULT = Path(__file__).parent / "results" / "printed_maps.json"
ROUNDS = 3


def main() -> None:
    """Measure every projection in turns, several rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    shape = (19, 36) if tiny else (721, 1440)
    shown = _figure(*shape)
    seconds: dict[str, dict[str, list[float]]] = {}
    for _ in range(1 if tiny else ROUNDS):
        for projection in get_args(Name):
            ways = seconds.setdefault(projection, {"three_maps": [], "one_by_cartopy": []})
            ways["three_maps"].append(_timed(lambda p=projection: _ours(shown, p)))
            ways["one_by_cartopy"].append(_timed(lambda p=projection: _cartopy(shown, p)))
    measured = {
        projection: {way: statistics.median(times) for way, times in ways.items()}
        for projection, ways in seconds.items()
    }
    document = {**surroundings(), "rows": shape[0], "columns": shape[1], "seconds": measured}
    put(document, None if tiny else RESULT)


def _figure(rows: int, columns: int) -> PanelSet:
    latitudes, longitudes = np.linspace(90, -90, rows), np.arange(columns) * 360 / columns
    lon, lat = np.meshgrid(np.deg2rad(longitudes), np.deg2rad(latitudes))
    wave = np.cos(lat) * np.sin(3 * lon)
    east, north = (np.float32(10 * part) for part in (np.cos(2 * lat), wave))
    scene = Scene(
        variable=describe("2t", Group.SURFACE), latitudes=latitudes, longitudes=longitudes
    )
    wind = Wind(east=east, north=north)
    parts = [
        Part(title="Prediction", values=280 + 20 * wave, wind=wind),
        Part(title="Target", values=280 + 21 * wave, wind=wind),
        Part(title="Prediction − target", values=wave, is_difference=True, wind=wind),
    ]
    return panel_set(parts, scene)


def _ours(shown: PanelSet, projection: Name) -> bytes:
    return panels_figure(shown, Look(projection=projection, wind="arrows"))


def _cartopy(shown: PanelSet, projection: Name) -> bytes:
    grid = shown.grid
    ground = Ground(Lens(grid, Projection.centred(projection, grid)))
    figure = Figure(figsize=(9.3, 5))
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(projection=ground.crs)
    cells = grid.cells
    ax.imshow(
        shown.panels[0].values,
        extent=(cells.west, cells.east, max(cells.south, -90), min(cells.north, 90)),
        transform=crs.PlateCarree(),
        regrid_shape=1_200,
    )
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=200)
    return file.getvalue()


def _timed(draw: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    draw()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
