from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from cartopy.io.shapereader import Reader
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.errors import DataError
from aurora_dash.figures.coastlines import NATURAL_EARTH, Window, outline_points, outlines

NORWAY = Window(4.875, 20.125, 54.875, 70.125)


def test_the_coast_of_norway_is_there() -> None:
    near_bergen = shapely.Point(5.3, 60.4).buffer(0.5)
    in_the_open_sea = shapely.Point(6.0, 67.0).buffer(1.0)
    coast = outlines(NORWAY)
    assert coast.intersects(near_bergen)
    assert not coast.intersects(in_the_open_sea)


def test_boundaries_are_a_layer_of_their_own() -> None:
    norway_and_sweden = shapely.Point(12.2, 63.0).buffer(0.5)
    assert outlines(NORWAY, "boundaries").intersects(norway_and_sweden)
    assert not outlines(NORWAY, "coastline").intersects(norway_and_sweden)


@given(
    west=st.floats(-180, 359),
    width=st.floats(5, 80),
    south=st.floats(-80, 60),
    height=st.floats(5, 20),
)
@settings(max_examples=30, deadline=None)
def test_the_same_window_has_the_same_coast_in_any_winding(
    west: float, width: float, south: float, height: float
) -> None:
    length = shapely.length(outlines(Window(west, west + width, south, south + height)))
    turned = west - 360 if west > 0 else west + 360
    again = shapely.length(outlines(Window(turned, turned + width, south, south + height)))
    assert again == pytest.approx(length, abs=1e-6)


def test_a_window_across_a_seam_is_the_sum_of_its_sides() -> None:
    def length(west: float, east: float) -> float:
        return float(shapely.length(outlines(Window(west, east, 20, 60))))

    assert length(350, 370) == pytest.approx(length(350, 360) + length(0, 10))
    assert length(170, 190) == pytest.approx(length(170, 180) + length(-180, -170))
    assert length(350, 370) == pytest.approx(length(-10, 10))


def test_a_globe_has_all_of_the_coarse_coast_once() -> None:
    path = "shapefiles/natural_earth/physical/ne_110m_coastline.shp"
    whole = sum(line.length for line in Reader(NATURAL_EARTH / path).geometries())
    for west in (0, -180, -1.40625):
        globe = outlines(Window(west, west + 360, -90, 90))
        assert shapely.length(globe) == pytest.approx(whole, rel=1e-6)


def test_points_stay_in_the_window_with_gaps_between_lines() -> None:
    x, y = outline_points(NORWAY)
    assert x.dtype == y.dtype == np.float32
    gaps = np.isnan(x)
    np.testing.assert_array_equal(gaps, np.isnan(y))
    assert 5 < gaps.sum() < 500
    assert not gaps[0]
    assert not gaps[-1]
    assert not (gaps[1:] & gaps[:-1]).any()
    assert x[~gaps].min() >= NORWAY.west
    assert x[~gaps].max() <= NORWAY.east
    assert y[~gaps].min() >= NORWAY.south
    assert y[~gaps].max() <= NORWAY.north


def test_a_window_without_a_coast_has_no_points() -> None:
    x, y = outline_points(Window(60, 70, 48, 50))
    assert x.size == y.size == 0


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ne_50m_coastline\.shp.*assets/natural_earth"):
        outlines(NORWAY, folder=tmp_path)


def test_the_layout_is_the_one_that_cartopy_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    import cartopy
    from cartopy.io import shapereader

    monkeypatch.setitem(cartopy.config, "pre_existing_data_dir", NATURAL_EARTH)
    for scale in ("110m", "50m"):
        path = shapereader.natural_earth(scale, "physical", "coastline")
        assert Path(path).is_relative_to(NATURAL_EARTH)
