from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.errors import DataError
from aurora_dash.figures.scene import Grid, Scene
from aurora_dash.variables import Group, describe

TEMPERATURE = describe("2t", Group.SURFACE)


def grid(latitudes: Any, longitudes: Any) -> Grid:
    return Grid.of(Scene(variable=TEMPERATURE, latitudes=latitudes, longitudes=longitudes))


def test_a_region_ends_half_a_cell_beyond_its_outermost_centres() -> None:
    norway = grid(np.linspace(70, 55, 61), np.linspace(5, 20, 61))
    assert norway.window == (4.875, 20.125, 54.875, 70.125)
    assert norway.even


def test_western_longitudes_are_drawn_as_negative_ones() -> None:
    usa = grid(np.linspace(45, 30, 61), np.linspace(235, 250, 61))
    assert usa.longitudes[0] == -125
    assert usa.longitudes[-1] == -110


def test_a_region_across_greenwich_is_drawn_in_one_piece() -> None:
    iberia = grid(np.linspace(50, 20, 121), np.arange(-20, 10.25, 0.25) % 360)
    np.testing.assert_allclose(np.diff(iberia.longitudes), 0.25)
    assert iberia.longitudes[-1] - iberia.longitudes[0] == 30


@given(width=st.integers(4, 200))
def test_a_globe_is_centred_on_greenwich_and_each_column_keeps_its_place(width: int) -> None:
    longitudes = np.arange(width) * 360 / width
    globe = grid(np.linspace(80, -80, 5), longitudes)
    assert globe.longitudes[0] >= -180
    assert globe.longitudes[-1] < 180
    assert np.all(np.diff(globe.longitudes) > 0)
    field = np.broadcast_to(longitudes, (5, width))
    drawn = globe.field(field, "f")
    apart = (drawn[0] - globe.longitudes + 180) % 360 - 180
    np.testing.assert_allclose(apart, 0, atol=1e-4)
    window = globe.window
    assert window.east - window.west == pytest.approx(360)


def test_cells_at_the_poles_reach_beyond_them_but_the_window_does_not() -> None:
    globe = grid(np.linspace(90, -90, 19), np.arange(36) * 10.0)
    assert (globe.cells.south, globe.cells.north) == (-95, 95)
    assert (globe.window.south, globe.window.north) == (-90, 90)


def test_a_degree_of_longitude_narrows_towards_the_pole() -> None:
    assert grid([61, 59], [0, 1]).stretch == pytest.approx(2.0)
    assert grid(np.linspace(90, -90, 19), np.arange(36) * 10.0).stretch == 1.0
    assert grid(np.linspace(70, 55, 61), np.linspace(5, 20, 61)).height_to_width == pytest.approx(
        1 / np.cos(np.deg2rad(62.5))
    )


def test_evenness_allows_what_nobody_sees() -> None:
    gaussian = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))
    assert grid(gaussian, np.arange(128) * 360 / 128).even
    assert not grid([80, 60, 30, 0], np.arange(4)).even
    assert grid([80], [3]).even


@pytest.mark.parametrize(
    ("latitudes", "longitudes", "words"),
    [
        ([50, 40, 45], [0, 1], "latitudes .* neither rise nor fall"),
        ([50, 50, 45], [0, 1], "latitudes .* neither rise nor fall"),
        ([50, 40], [5, 5], "longitudes .* neither rise nor fall"),
        ([50, np.nan], [0, 1], "latitudes .* finite"),
        ([[50, 40]], [0, 1], "latitudes .* one row"),
        ([50], [], "longitudes .* one row"),
    ],
)
def test_axes_that_are_none_are_refused(latitudes: Any, longitudes: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        grid(latitudes, longitudes)


def test_a_field_of_another_shape_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"The target has shape \(3, 2\); its grid is \(2, 3\)"):
        grid([1, 0], [0, 1, 2]).field(np.zeros((3, 2)), "The target")


def test_directions_differ_by_the_shorter_way_round() -> None:
    direction = Scene(variable=describe("mwd", Group.SURFACE), latitudes=[0], longitudes=[0])
    np.testing.assert_allclose(direction.difference([[359.0]], [[1.0]]), [[-2.0]])
    np.testing.assert_allclose(direction.difference([[1.0]], [[359.0]]), [[2.0]])
    plain = Scene(variable=TEMPERATURE, latitudes=[0], longitudes=[0])
    np.testing.assert_allclose(plain.difference([[359.0]], [[1.0]]), [[358.0]])
