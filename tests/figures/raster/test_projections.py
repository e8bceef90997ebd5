"""Projections there and back, and beside Cartopy's."""

from __future__ import annotations

import numpy as np
import pytest
from cartopy import crs
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.figures.raster.projections import POLAR_EDGE, Extent, Name, Projection
from aurora_dash.figures.scene import Grid, Scene
from aurora_dash.variables import Group, describe

NAMES: tuple[Name, ...] = (
    "plate_carree",
    "orthographic",
    "robinson",
    "north_polar_stereographic",
    "south_polar_stereographic",
)
SPHERE = crs.Globe(semimajor_axis=1.0, semiminor_axis=1.0, ellipse=None)


def _cartopy(projection: Projection) -> crs.Projection:
    centre = {"central_longitude": projection.longitude, "globe": SPHERE}
    if projection.name == "orthographic":
        return crs.Orthographic(central_latitude=projection.latitude, **centre)
    if projection.name == "robinson":
        return crs.Robinson(**centre)
    if projection.name == "north_polar_stereographic":
        return crs.Stereographic(central_latitude=90, **centre)
    return crs.Stereographic(central_latitude=-90, **centre)


def _grid(latitudes: np.ndarray, longitudes: np.ndarray) -> Grid:
    scene = Scene(
        variable=describe("2t", Group.SURFACE), latitudes=latitudes, longitudes=longitudes
    )
    return Grid.of(scene)


GLOBE = _grid(np.linspace(90, -90, 37), np.arange(0, 360, 5.0))


@pytest.mark.parametrize("name", NAMES)
@given(
    longitude=st.floats(-180, 180),
    latitude=st.floats(-89, 89),
    centre=st.floats(-180, 180),
    middle=st.floats(-90, 90),
)
def test_a_place_that_is_shown_is_found_again(
    name: Name, longitude: float, latitude: float, centre: float, middle: float
) -> None:
    projection = Projection(name, centre, middle)
    x, y = projection.forward(longitude, latitude)
    if not np.isfinite(x):
        return
    there, up = projection.inverse(x, y)
    if name == "orthographic" and np.hypot(x, y) > 0.999:
        # On the rim the ground is seen from the side.
        return
    if name == "robinson" and abs((longitude - centre + 180) % 360 - 180) > 180 - 1e-9:
        # On the seam a last digit decides whether it is still the map.
        return
    assert np.isfinite(there)
    # Robinson's is a table between whose rows PROJ searches for the latitude.
    near = 1e-4 if name == "robinson" else 1e-5
    assert up == pytest.approx(latitude, abs=near)
    assert abs((there - longitude + 180) % 360 - 180) * np.cos(np.deg2rad(latitude)) < near


@pytest.mark.parametrize("name", NAMES[1:])
def test_places_are_where_cartopy_puts_them(name: Name) -> None:
    projection = Projection(name, 15.0, 52.0)
    lon, lat = np.meshgrid(np.linspace(-160, 190, 41), np.linspace(-85, 85, 35))
    x, y = projection.forward(lon, lat)
    theirs = _cartopy(projection).transform_points(crs.PlateCarree(globe=SPHERE), lon, lat)
    shown = np.isfinite(x)
    assert shown.sum() > 300
    np.testing.assert_allclose(x[shown], theirs[..., 0][shown], atol=1e-7)
    np.testing.assert_allclose(y[shown], theirs[..., 1][shown], atol=1e-7)


def test_the_far_side_and_what_lies_beyond_a_rim_is_nowhere() -> None:
    orthographic = Projection("orthographic", 0.0, 0.0)
    assert np.isnan(orthographic.forward(180.0, 0.0)).all()
    assert np.isnan(orthographic.inverse(0.9, 0.9)).all()
    polar = Projection("north_polar_stereographic", 0.0)
    assert np.isnan(polar.forward(0.0, POLAR_EDGE - 1)).all()
    assert np.isnan(polar.inverse(2.0, 2.0)).all()
    assert np.isnan(Projection("robinson").inverse(2.6, 1.3)).all()
    assert np.isnan(Projection().inverse(0.0, 95.0)[1])


@pytest.mark.parametrize(
    ("name", "extent"),
    [
        ("plate_carree", Extent(-182.5, 177.5, -90, 90)),
        ("orthographic", Extent(-1, 1, -1, 1)),
        ("north_polar_stereographic", Extent(-1.4004, 1.4004, -1.4004, 1.4004)),
        ("south_polar_stereographic", Extent(-1.4004, 1.4004, -1.4004, 1.4004)),
        ("robinson", Extent(-2.6667, 2.6667, -1.3523, 1.3523)),
    ],
)
def test_a_globe_fills_the_map(name: Name, extent: Extent) -> None:
    found = Projection(name, 30.0, 40.0).extent(GLOBE)
    for edge in ("left", "right", "bottom", "top"):
        assert getattr(found, edge) == pytest.approx(getattr(extent, edge), abs=0.003)


def test_a_region_is_shown_closely_and_one_on_the_far_side_on_an_empty_map() -> None:
    region = _grid(np.linspace(70, 55, 61), np.linspace(5, 20, 61))
    near = Projection("orthographic", 12.5, 62.5).extent(region)
    assert near.right - near.left < 0.2
    far = Projection("south_polar_stereographic").extent(region)
    assert far.right - far.left == pytest.approx(2.8, abs=0.01)
