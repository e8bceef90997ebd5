from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.figures.raster.boxes import Box, box_of, rim_of
from aurora_dash.figures.raster.projections import Extent, Projection


def test_a_box_on_plate_carree_is_what_was_drawn() -> None:
    assert box_of(Projection(), Extent(5, 20, 55, 70)) == Box(55, 70, 5, 20)


@pytest.mark.parametrize("turn", [-360, 0, 360])
def test_a_box_across_the_dateline_has_its_east_below_its_west(turn: float) -> None:
    drawn = Extent(170 + turn, 190 + turn, -20, 10)
    assert box_of(Projection(), drawn) == Box(-20, 10, 170, -170)


def test_all_round_the_globe_and_beyond_the_poles() -> None:
    assert box_of(Projection(), Extent(-200, 200, -95, 95)) == Box(-90, 90, -180, 180)
    assert Box(-90, 90, -180, 180).width == 360


def test_round_a_pole_all_longitudes_belong_to_a_box() -> None:
    polar = Projection("north_polar_stereographic")
    box = box_of(polar, Extent(-0.2, 0.2, -0.2, 0.2))
    assert box is not None
    assert (box.north, box.west, box.east) == (90, -180, 180)
    # Its corners lie farthest from the pole: 2 tan(colatitude / 2) = 0.2 sqrt(2).
    assert box.south == pytest.approx(90 - 2 * np.rad2deg(np.arctan(0.1 * np.sqrt(2))), abs=1e-3)


def test_nothing_of_the_earth_is_no_box() -> None:
    assert box_of(Projection("orthographic"), Extent(0.9, 1.0, 0.9, 1.0)) is None


@given(
    longitude=st.floats(-180, 180),
    latitude=st.floats(-70, 70),
    x=st.floats(-0.4, 0.3),
    y=st.floats(-0.4, 0.3),
    size=st.floats(0.01, 0.2),
)
def test_a_box_holds_all_that_was_inside(
    longitude: float, latitude: float, x: float, y: float, size: float
) -> None:
    projection = Projection("orthographic", longitude, latitude)
    box = box_of(projection, Extent(x, x + size, y, y + size))
    assert box is not None
    inner = np.meshgrid(np.linspace(x, x + size, 7), np.linspace(y, y + size, 7))
    lon, lat = projection.inverse(*inner)
    assert (lat >= box.south - 0.05).all()
    assert (lat <= box.north + 0.05).all()
    assert ((lon - box.west + 0.05) % 360 <= box.width + 0.1).all()


def test_the_rim_of_a_box_is_cut_at_the_maps_seam() -> None:
    robinson = Projection("robinson", 0.0)
    points = rim_of(robinson, Box(-20, 20, 170, -170))
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert np.nanmax(steps) < 1
    assert points[np.isfinite(points[:, 0]), 0].min() < -2.4
    assert points[np.isfinite(points[:, 0]), 0].max() > 2.4
