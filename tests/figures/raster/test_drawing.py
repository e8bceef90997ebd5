"""What a browser reads under the pointer is the field's value at that cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cartopy import crs

from aurora_dash.figures.panels import Part, Wind, panel_set
from aurora_dash.figures.raster.code import Code
from aurora_dash.figures.raster.drawing import FRAME_CELLS, DetailedDrawing, Drawing, Sheet
from aurora_dash.figures.raster.projections import Extent, Projection
from aurora_dash.figures.raster.wire import Held, unpack
from aurora_dash.figures.scene import Scene
from aurora_dash.variables import Group, describe

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 73, 144
LATITUDES, LONGITUDES = np.linspace(-90, 90, HEIGHT), np.arange(0, 360, 2.5)


@pytest.fixture
def fields() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    target = (280 + 10 * rng.standard_normal((HEIGHT, WIDTH))).astype(np.float32)
    prediction = target + rng.standard_normal((HEIGHT, WIDTH)).astype(np.float32)
    target[30:40, 100:110] = np.nan
    return prediction, target


def _drawing(fields: tuple[np.ndarray, np.ndarray], projection: Projection) -> DetailedDrawing:
    prediction, target = fields
    scene = Scene(
        variable=describe("2t", Group.SURFACE), latitudes=LATITUDES, longitudes=LONGITUDES
    )
    east = np.full((HEIGHT, WIDTH), 10, np.float32)
    wind = Wind(east=east, north=np.zeros_like(east))
    parts = [
        Part(title="Prediction", values=prediction, wind=wind),
        Part(title="Target", values=target),
    ]
    return DetailedDrawing(panel_set(parts, scene), projection)


def _as_read(
    head: dict[str, Any], layer: dict[str, Any], arrays: dict[str, np.ndarray], panel: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latitude, longitude and value of each pixel, as the browser finds them."""
    shape = layer["height"], layer["width"]
    codes = arrays[layer["codes"][panel]].reshape(shape)
    said = head["panels"][panel]
    values = Code(said["low"], said["high"]).read(codes)
    if layer["cells"] is None:
        rows = np.broadcast_to(arrays[layer["rows"]][:, None], shape)
        columns = np.broadcast_to(arrays[layer["columns"]], shape)
    else:
        cells = arrays[layer["cells"]].reshape(shape)
        rows, columns = np.divmod(cells, arrays[head["longitudes"]].size)
        values = np.where(cells < 0, -np.inf, values)
    return arrays[head["latitudes"]][rows], arrays[head["longitudes"]][columns], values


def _field_at(field: np.ndarray, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """From the field as it came: south first, longitudes from 0."""
    row = np.rint((latitude + 90) / 2.5).astype(int)
    column = np.rint(longitude / 2.5).astype(int) % WIDTH
    return field[row, column]


@pytest.mark.parametrize("name", ["plate_carree", "orthographic", "robinson"])
def test_every_pixel_reads_as_the_field_at_its_place(
    fields: tuple[np.ndarray, np.ndarray], name: Any
) -> None:
    drawing = _drawing(fields, Projection(name, 170.0, 40.0))
    sheet = Sheet()
    seen = Extent(100, 250, -60, 60) if name == "plate_carree" else Extent(-0.3, 0.2, -0.1, 0.2)
    part = drawing.part(sheet, seen, 300)
    message = Held().bring(drawing.head, [*drawing.blocks, *sheet.blocks])
    head, arrays = unpack(message)
    for layer in (head["whole"], part):
        for panel, field in enumerate(fields):
            latitude, longitude, values = _as_read(head, layer, arrays, panel)
            shown = values != -np.inf
            assert shown.any()
            expected = _field_at(field, latitude, longitude)
            step = Code(head["panels"][panel]["low"], head["panels"][panel]["high"]).step
            np.testing.assert_array_equal(np.isnan(values[shown]), np.isnan(expected[shown]))
            apart = np.abs(values - expected)[shown]
            assert np.nanmax(apart) <= step
    assert head["missing"]


def test_a_frame_is_thinner_and_shares_what_it_has_in_common(
    fields: tuple[np.ndarray, np.ndarray],
) -> None:
    drawing = _drawing(fields, Projection("orthographic"))
    frame = Drawing(drawing.shown, drawing.lens.projection, most_cells=FRAME_CELLS)
    whole = frame.head["whole"]
    assert whole["width"] * whole["height"] <= 1.01 * FRAME_CELLS
    assert frame.place == drawing.place
    assert {*whole["codes"], whole["cells"]} <= {block.name for block in frame.blocks}
    assert whole["lines"] == drawing.head["whole"]["lines"]


def test_another_region_is_another_place(fields: tuple[np.ndarray, np.ndarray]) -> None:
    places = {
        _drawing(fields, projection).place
        for projection in (Projection(), Projection("robinson"), Projection("orthographic"))
    }
    assert len(places) == 3


@pytest.mark.parametrize("name", ["north_polar_stereographic", "orthographic", "robinson"])
def test_wind_points_where_cartopy_points_it(
    fields: tuple[np.ndarray, np.ndarray], name: Any
) -> None:
    centre = {} if name != "orthographic" else {"central_latitude": 45.0}
    projection = Projection(name, 30.0, 45.0)
    drawing = _drawing(fields, projection)
    _, arrays = unpack(Held().bring(drawing.head, drawing.blocks))
    said = drawing.head["whole"]["winds"][0]
    wind = arrays[said["wind"]].reshape(said["height"], said["width"], 2)
    j, i = said["height"] // 3, said["width"] // 2 + said["width"] // 8
    x = said["left"] + said["pixelWidth"] * (i + 0.5)
    y = said["top"] - said["pixelHeight"] * (j + 0.5)
    lon, lat = projection.inverse(x, y)
    theirs = {
        "north_polar_stereographic": crs.NorthPolarStereo,
        "orthographic": crs.Orthographic,
        "robinson": crs.Robinson,
    }[name](central_longitude=30.0, **centre)
    u, v = theirs.transform_vectors(
        crs.PlateCarree(),
        *(np.array([each]) for each in (float(lon), float(lat), 10.0, 0.0)),
    )
    expected = np.array([u[0], v[0]]) / np.hypot(u[0], v[0])
    np.testing.assert_allclose(wind[j, i] / 10, expected, atol=0.01)
    assert said["fastest"] == pytest.approx(10, abs=1e-3)
    assert drawing.head["whole"]["winds"][1] is None
