"""Lines end where the map ends: none crosses it from one side to the other."""

from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.figures.raster.outlines import lines, rim
from aurora_dash.figures.raster.pixels import Lens
from aurora_dash.figures.raster.projections import Extent, Name, Projection
from aurora_dash.figures.scene import Grid, Scene
from aurora_dash.variables import Group, describe

PROJECTIONS: tuple[Name, ...] = (
    "orthographic",
    "robinson",
    "north_polar_stereographic",
    "south_polar_stereographic",
)


def _lens(projection: Projection, longitudes: np.ndarray | None = None) -> Lens:
    scene = Scene(
        variable=describe("2t", Group.SURFACE),
        latitudes=np.linspace(90, -90, 61),
        longitudes=np.arange(0, 360, 3.0) if longitudes is None else longitudes,
    )
    return Lens(Grid.of(scene), projection)


def _longest_step(points: np.ndarray) -> float:
    steps = np.hypot(*np.diff(points, axis=0).T)
    return float(np.nanmax(steps))


@pytest.mark.slow
@pytest.mark.parametrize("name", PROJECTIONS)
@pytest.mark.parametrize("centre", [0.0, 100.0, 180.0, -155.0])
@pytest.mark.parametrize("kind", ["coastline", "boundaries", "graticule"])
def test_no_line_runs_across_the_map(name: Name, centre: float, kind: str) -> None:
    lens = _lens(Projection(name, centre, 35.0))
    points = lines(lens)[kind]
    assert len(points) > 50
    # Points are a degree apart at most, which no map here draws longer than this.
    assert _longest_step(points) < 0.05
    extent = lens.extent
    shown = points[np.isfinite(points[:, 0])]
    assert shown[:, 0].min() >= extent.left - 1e-3
    assert shown[:, 0].max() <= extent.right + 1e-3


@pytest.mark.parametrize("name", PROJECTIONS[:3])
def test_the_coast_of_norway_is_where_the_projection_puts_it(name: Name) -> None:
    projection = Projection(name, 20.0, 50.0)
    points = lines(_lens(projection))["coastline"]
    bergen = np.array(projection.forward(5.3, 60.4))
    assert np.nanmin(np.hypot(*(points - bergen).T)) < 0.02
    open_sea = np.array(projection.forward(-30.0, 50.0))
    assert np.nanmin(np.hypot(*(points - open_sea).T)) > 0.05


@pytest.mark.parametrize("name", PROJECTIONS)
def test_the_rim_surrounds_all_that_is_shown(name: Name) -> None:
    lens = _lens(Projection(name, 20.0, 50.0))
    points = rim(lens)
    np.testing.assert_array_equal(points[0], points[-1])
    extent = lens.extent
    found = [points[:, 0].min(), points[:, 0].max(), points[:, 1].min(), points[:, 1].max()]
    edges = [extent.left, extent.right, extent.bottom, extent.top]
    np.testing.assert_allclose(found, edges, atol=0.003)
    assert _longest_step(points) < 3 if name == "robinson" else 0.05


def test_a_close_look_gets_finer_lines_of_its_part_only() -> None:
    lens = _lens(Projection("orthographic", 10.0, 60.0))
    seen = Extent(-0.1, 0.1, -0.1, 0.1)
    whole, close = lines(lens)["coastline"], lines(lens, seen)["coastline"]

    def within(points: np.ndarray) -> int:
        return int((np.abs(points) <= 0.1).all(axis=1).sum())

    assert within(close) > 3 * within(whole)
    shown = close[np.isfinite(close[:, 0])]
    assert np.abs(shown).max() < 0.25


def test_plate_carree_follows_a_view_across_the_dateline() -> None:
    lens = _lens(Projection())
    across = lines(lens, Extent(170, 200, -50, -10))["coastline"]
    shown = across[np.isfinite(across[:, 0])]
    # New Zealand lies west of the dateline, Fiji on it.
    assert shown[:, 0].min() < 179
    assert shown[:, 0].max() > 180
