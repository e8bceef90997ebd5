"""Each pixel shows the cell that lies under it, whatever the grid's order and winding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.figures.raster.pixels import MAX_COLUMNS, Lens, Pixels
from aurora_dash.figures.raster.projections import Extent, Name, Projection
from aurora_dash.figures.scene import Grid, Scene
from aurora_dash.variables import Group, describe

GRIDS = {
    "globe from 0, north first": (np.linspace(90, -90, 91), np.arange(0, 360, 2.0)),
    "globe from -180, south first": (np.linspace(-90, 90, 91), np.arange(-180, 180, 2.0)),
    "globe of cells off the poles": (np.arange(-88.5, 90, 3), np.arange(1.5, 360, 3)),
    "region": (np.arange(70, 54.9, -0.25), np.arange(5, 20.1, 0.25)),
    "region across the dateline": (np.arange(-50, -10, 1.0), np.arange(165, 200, 1.0)),
    "region across Greenwich": (np.arange(60, 40, -1.0), np.arange(350, 371, 1.0) % 360),
    "Gaussian": (np.degrees(np.arcsin(np.linspace(0.99, -0.99, 48))), np.arange(0, 360, 3.75)),
}
PROJECTIONS: tuple[Name, ...] = (
    "orthographic",
    "robinson",
    "north_polar_stereographic",
    "south_polar_stereographic",
)


def _lens(name: str, projection: Projection | None = None) -> Lens:
    latitudes, longitudes = GRIDS[name]
    scene = Scene(
        variable=describe("2t", Group.SURFACE), latitudes=latitudes, longitudes=longitudes
    )
    return Lens(Grid.of(scene), projection or Projection())


def _nearest(lens: Lens, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Brute force: the cell whose centre is nearest, row and column apart."""
    grid = lens.grid
    rows = np.abs(latitude[..., None] - grid.latitudes).argmin(-1)
    apart = np.abs((longitude[..., None] - grid.longitudes + 180) % 360 - 180)
    return rows * grid.shape[1] + apart.argmin(-1)


def _shown(pixels: Pixels, num_columns: int) -> np.ndarray:
    if pixels.cells is not None:
        return pixels.cells
    return pixels.rows[:, None] * num_columns + pixels.columns


def _centres(pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
    height, width = pixels.shape
    x = pixels.left + pixels.width * (np.arange(width) + 0.5)
    y = pixels.top - pixels.height * (np.arange(height) + 0.5)
    return np.meshgrid(x, y)


@pytest.mark.parametrize("name", [name for name in GRIDS if name != "Gaussian"])
def test_the_whole_of_a_small_grid_is_shown_cell_by_cell(name: str) -> None:
    lens = _lens(name)
    whole = lens.whole()
    assert whole.finest
    assert whole.shape == lens.grid.shape
    x, y = _centres(whole)
    np.testing.assert_array_equal(_shown(whole, lens.grid.shape[1]), _nearest(lens, x, y))


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_part_in_detail_shows_the_cells_that_lie_there(name: str, data: st.DataObject) -> None:
    lens = _lens(name)
    whole = lens.extent
    reach = 360 if lens.wraps else 0
    left = data.draw(st.floats(whole.left - reach, whole.right + reach - 2))
    right = left + data.draw(st.floats(2, 60))
    bottom = data.draw(st.floats(whole.bottom, whole.top - 2))
    part = lens.part(Extent(left, right, bottom, min(bottom + 30, whole.top)))
    x, y = _centres(part)
    shown, nearest = _shown(part, lens.grid.shape[1]), _nearest(lens, x, y)
    agree = shown == nearest
    if name == "Gaussian":
        # A pixel whose centre is as far from two cells may show either.
        assert agree.mean() > 0.98
    else:
        assert agree.all()
    covered_left = part.left <= max(left, whole.left if not lens.wraps else left) + 1e-6
    assert covered_left
    assert (
        part.left + part.width * part.shape[1]
        >= min(right, right if lens.wraps else whole.right) - 1e-6
    )


@given(columns=st.integers(1, 90), left=st.floats(-720, 720), span=st.floats(1, 400))
def test_a_coarse_part_shows_cells_from_within_each_pixel(
    columns: int, left: float, span: float
) -> None:
    lens = _lens("globe from 0, north first")
    part = lens.part(Extent(left, left + span, -45, 45), columns)
    assert part.shape[1] <= min(columns, MAX_COLUMNS) + 1
    x, y = _centres(part)
    grid = lens.grid
    longitude = grid.longitudes[part.columns][None]
    latitude = grid.latitudes[part.rows][:, None]
    assert (np.abs((longitude - x + 180) % 360 - 180) <= part.width / 2 + 1e-6).all()
    # The last piece of an axis may be cut short, and shows its last cell.
    assert (np.abs(latitude - y) <= part.height + 1e-6).all()


def test_pieces_stay_where_they_are_in_a_pan() -> None:
    lens = _lens("globe from 0, north first")
    first = lens.part(Extent(-60, 60, -40, 40), 20)
    moved = lens.part(Extent(-58, 62, -38, 42), 20)
    common = np.intersect1d(first.columns, moved.columns)
    assert len(common) >= len(first.columns) - 1
    assert (moved.left - first.left) % first.width == pytest.approx(0)


def test_a_large_grid_is_thinned_to_what_a_screen_shows() -> None:
    scene = Scene(
        variable=describe("2t", Group.SURFACE),
        latitudes=np.linspace(90, -90, 1801),
        longitudes=np.arange(3600) / 10,
    )
    lens = Lens(Grid.of(scene), Projection())
    whole = lens.whole()
    assert whole.shape == (361, 720)
    assert not whole.finest
    part = lens.part(Extent(-10, 50, 30, 60))
    assert part.finest
    assert part.shape == (301, 601) or part.shape == (300, 600)


@pytest.mark.parametrize("name", ["globe from 0, north first", "region", "Gaussian"])
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_projected_pixel_shows_the_cell_nearest_to_its_place(name: str, projection: Name) -> None:
    lens = _lens(name, Projection(projection, 10.3, 60.1))
    if name == "region" and projection == "south_polar_stereographic":
        assert (lens.whole(4000).cells == -1).all()
        return
    pixels = lens.whole(4000)
    x, y = _centres(pixels)
    longitude, latitude = lens.projection.inverse(x, y)
    window = lens.grid.cells
    inside = np.isfinite(longitude) & (latitude >= window.south) & (latitude <= window.north)
    inside &= (longitude - window.west) % 360 <= window.east - window.west
    np.testing.assert_array_equal(pixels.cells >= 0, inside)
    assert inside.any()
    agree = pixels.cells[inside] == _nearest(lens, longitude[inside], latitude[inside])
    assert agree.mean() > (0.97 if name == "Gaussian" else 0.9999)


def test_values_are_those_of_the_cells_and_none_beyond_the_rim() -> None:
    lens = _lens("globe from 0, north first", Projection("orthographic", 0.0, 0.0))
    field = np.arange(91 * 180, dtype=np.float32).reshape(91, 180)
    pixels = lens.whole(2500)
    values = pixels.of(field)
    assert np.isnan(values[0, 0])
    middle = values[values.shape[0] // 2, values.shape[1] // 2]
    row, column = divmod(int(middle), 180)
    assert abs(lens.grid.latitudes[row]) <= 2
    assert abs(lens.grid.longitudes[column]) <= 2
