from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image, rcParams

from aurora_dash.errors import DataError
from aurora_dash.figures.colours import colour_map
from aurora_dash.figures.panels import Part, Wind, comparison_panels, field_panels, panel_set
from aurora_dash.figures.publication import (
    Look,
    panels_figure,
    panels_image,
)
from aurora_dash.figures.raster.pixels import Lens
from aurora_dash.figures.raster.projections import Projection
from aurora_dash.figures.scene import Scene
from aurora_dash.figures.theme import NO_DATA
from aurora_dash.variables import Group, describe

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}


def pixels(png: bytes) -> np.ndarray:
    """(H, W, 3), 0 to 255."""
    return np.rint(image.imread(io.BytesIO(png), format="png")[..., :3] * 255).astype(int)


def count(png: bytes, colour: str) -> int:
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels(png) - wanted).max(axis=-1) <= 2).sum())


def written(svg: bytes) -> str:
    """All texts of an SVG: matplotlib keeps them as comments beside the glyphs."""
    lines = svg.decode().splitlines()
    return "\n".join(line for line in lines if line.strip().startswith("<!--"))


def comparison_figure(
    prediction: Any, target: Any, scene: Scene, *, persistence: Any = None, **how: Any
) -> bytes:
    return panels_figure(comparison_panels(prediction, target, scene, persistence), **how)


def field_figure(values: Any, scene: Scene, **how: Any) -> bytes:
    return panels_figure(field_panels(values, scene, ""), **how)


@pytest.mark.parametrize("file_format", ["png", "svg", "pdf"])
def test_each_format_is_what_it_says_and_the_same_every_time(norway: Any, file_format: Any) -> None:
    args = (norway.prediction, norway.target, norway.scene)
    first = comparison_figure(*args, file_format=file_format, dpi=60)
    assert first.startswith(MAGIC[file_format])
    assert first == comparison_figure(*args, file_format=file_format, dpi=60)


def test_everything_a_reader_needs_is_written_on_it(norway: Any) -> None:
    svg = comparison_figure(norway.prediction, norway.target, norway.scene, file_format="svg")
    said = written(svg)
    for words in (
        "2 m temperature [K]",
        "valid 2025-06-02 06:00 UTC, +6 h",
        "Prediction",
        "Target",
        "Prediction − target",
        "60°N",
        "10°E",
        "Copernicus Climate Change Service",
        "Natural Earth",
    ):
        assert words in said, words
    assert "RANDOM WEIGHTS" not in said
    assert "Persistence" not in said


@pytest.mark.slow
def test_what_is_no_forecast_is_labelled(globe: Any) -> None:
    said = written(
        comparison_figure(
            globe.prediction,
            globe.target,
            globe.scene,
            persistence=globe.persistence,
            file_format="svg",
        )
    )
    assert "SYNTHETIC DATA · RANDOM WEIGHTS" in said
    assert "Persistence − target" in said
    assert "Grey: no value." in said
    assert "60°N" in said


def test_missing_values_are_grey(globe: Any) -> None:
    hole = count(field_figure(globe.target, globe.scene, dpi=80), NO_DATA)
    whole = count(field_figure(np.nan_to_num(globe.target, nan=280), globe.scene, dpi=80), NO_DATA)
    assert hole > whole + 500


def test_a_cell_is_drawn_where_it_is(globe: Any) -> None:
    """One full cell at 60 E, 45 N of a global grid in [0, 360), found by its colour."""
    field = np.zeros((37, 72), np.float32)
    field[9, 12] = 1
    scene = replace(globe.scene, variable=describe("tcc", Group.SURFACE), labels=())
    drawn = pixels(field_figure(field, scene, dpi=100))
    dark_blue = np.array([44, 26, 76])
    rows, columns = np.nonzero(np.abs(drawn - dark_blue).max(axis=-1) < 12)
    map_part = rows < drawn.shape[0] * 0.75
    row, column = np.median(rows[map_part]), np.median(columns[map_part])
    # The page is 1102 pixels of the plan wide: 62 left of the map, 20 right of it.
    scale = drawn.shape[1] / 1102
    expected = 62 + 1020 * (60 - -182.5) / 360
    assert column / scale == pytest.approx(expected, abs=8)
    assert row < drawn.shape[0] / 2


def test_rows_are_drawn_from_north_whichever_way_they_lie(norway: Any) -> None:
    one = field_figure(norway.target, norway.scene, dpi=60)
    turned = replace(norway.scene, latitudes=np.asarray(norway.scene.latitudes)[::-1])
    assert (
        np.abs(pixels(one) - pixels(field_figure(norway.target[::-1], turned, dpi=60))).mean() < 1
    )


def test_uneven_rows_are_drawn_at_their_latitudes() -> None:
    latitudes = np.array([80.0, 60, 50, 45, 40])
    scene = Scene(
        variable=describe("2t", Group.SURFACE), latitudes=latitudes, longitudes=np.arange(6.0)
    )
    values = np.arange(30, dtype=np.float32).reshape(5, 6)
    assert field_figure(values, scene, dpi=60).startswith(MAGIC["png"])


@pytest.mark.slow
def test_threads_do_not_disturb_each_other(norway: Any, globe: Any) -> None:
    jobs = [norway, globe] * 3
    alone = [comparison_figure(job.prediction, job.target, job.scene, dpi=50) for job in jobs[:2]]
    before = dict(rcParams)
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(
                lambda job: comparison_figure(job.prediction, job.target, job.scene, dpi=50), jobs
            )
        )
    assert together == alone * 3
    assert dict(rcParams) == before


def test_pyplot_is_left_alone(norway: Any) -> None:
    from matplotlib._pylab_helpers import Gcf

    before = len(Gcf.figs)
    field_figure(norway.target, norway.scene, dpi=50)
    assert len(Gcf.figs) == before


def test_fields_of_another_grid_are_refused(norway: Any) -> None:
    with pytest.raises(DataError, match="The target has shape"):
        comparison_figure(norway.prediction, norway.target[:, 1:], norway.scene)


@pytest.mark.slow
def test_a_map_can_be_drawn_after_a_grib_file_was_read(western_usa_file: Path) -> None:
    """Both bring a PROJ library of their own: in the wrong order they corrupt memory."""
    code = f"""
from pathlib import Path
from aurora_dash.data.open import open_files
from aurora_dash.variables import Group, describe
data = open_files([Path({str(western_usa_file)!r})]).dataset
from aurora_dash.figures.panels import field_panels
from aurora_dash.figures.publication import panels_figure
from aurora_dash.figures.scene import Scene
scene = Scene(variable=describe("2t", Group.SURFACE), latitudes=data.latitude.values,
              longitudes=data.longitude.values)
shown = field_panels(data.surf_2t[0].values, scene, "")
assert panels_figure(shown).startswith(b"\\x89PNG")
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-1500:]
    assert "PROJ" not in result.stderr


def test_nothing_is_downloaded(norway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("a map asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert field_figure(norway.target, norway.scene, dpi=50)


@pytest.mark.slow
@pytest.mark.parametrize(
    "projection",
    ["north_polar_stereographic", "south_polar_stereographic", "orthographic", "robinson"],
)
def test_every_projection_shows_the_globe_whole_at_dateline_and_poles(
    globe: Any, projection: Any
) -> None:
    """A field of one value: the map's outline is full of it and of lines, and nothing is white."""
    scene = replace(globe.scene, variable=describe("tcc", Group.SURFACE), labels=())
    shown = field_panels(np.full((37, 72), 0.5, np.float32), scene, "")
    drawn = panels_image(shown, Look(projection=projection), dpi=60).astype(int)
    # Without title, colour bar and notes.
    drawn = drawn[int(60 * 80 / 110) : -int(60 * 110 / 110)]
    wanted = np.array(colour_map("cmc.devon_r")(0.5)[:3]) * 255
    rows, columns = np.nonzero(np.abs(drawn - wanted).max(axis=-1) < 4)
    part = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = part.shape[:2]
    ratio = 0.507 if projection == "robinson" else 1.0
    assert height / width == pytest.approx(ratio, rel=0.03)
    lens = Lens(shown.grid, Projection.centred(projection, shown.grid))
    cells = lens.part(lens.extent, 300).cells
    assert cells is not None
    # Of the square round it a disc fills pi/4.
    share = float((cells >= 0).mean())
    assert share == pytest.approx(0.87 if projection == "robinson" else np.pi / 4, abs=0.03)
    assert (part.min(axis=-1) < 240).mean() == pytest.approx(share, abs=0.02)
    assert (np.abs(part - 0xB4).max(axis=-1) < 2).mean() < 0.001, "no value is missing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("projection", "place"),
    [("robinson", (10.0, 179.0)), ("north_polar_stereographic", (89.0, -179.0))],
)
def test_a_cell_is_drawn_where_the_projection_has_it(projection: Any, place: Any) -> None:
    latitudes, longitudes = np.arange(89.0, -90, -2), np.arange(0.0, 360, 2)
    field = np.zeros((90, 180), np.float32)
    row = int(np.abs(latitudes - place[0]).argmin())
    around = np.abs((longitudes - place[1] + 180) % 360 - 180) <= 4
    field[max(0, row - 2) : row + 3, around] = 1
    scene = Scene(
        variable=describe("tcc", Group.SURFACE), latitudes=latitudes, longitudes=longitudes
    )
    shown = field_panels(field, scene, "")
    drawn = panels_image(shown, Look(projection=projection), dpi=110).astype(int)
    dark = np.abs(drawn - np.array(colour_map("cmc.devon_r")(1.0)[:3]) * 255).max(axis=-1) < 12
    _, columns = np.nonzero(dark[: int(drawn.shape[0] * 0.8)])
    centre = Projection.centred(projection, shown.grid)
    extent = Lens(shown.grid, centre).extent
    x, _ = centre.forward(longitudes[around], place[0])
    span = drawn.shape[1] - 82
    expected = 62 + (x - extent.left) / (extent.right - extent.left) * span
    assert np.abs(columns[:, None] - expected[None]).min() < 12


@pytest.mark.slow
@pytest.mark.parametrize("wind", ["arrows", "streamlines"])
def test_a_wind_from_the_west_blows_to_the_right(globe: Any, wind: Any) -> None:
    """Everything that is added to the map by the wind is far wider than high, row by row."""
    east, north = np.full((37, 72), 10, np.float32), np.zeros((37, 72), np.float32)
    part = Part(title="", values=np.full((37, 72), 280.0), wind=Wind(east=east, north=north))
    shown = panel_set([part], replace(globe.scene, labels=()))
    plain, blown = (
        panels_image(shown, Look(wind=style), dpi=80).astype(int) for style in (None, wind)
    )
    # Without the title's line, in which the key of the arrows stands.
    added = (np.abs(blown - plain).max(axis=-1) > 60)[60:]
    runs = np.diff(np.nonzero(np.diff(added.astype(int), axis=1))[1])
    assert added.sum() > 500
    rows = added.sum(axis=1)
    assert np.sort(rows)[-len(rows) // 10 :].sum() > 0.3 * rows.sum()
    assert np.percentile(runs[runs > 0], 90) > 5
    said = written(panels_figure(shown, Look(wind=wind), file_format="svg"))
    assert ("10 m s⁻¹" in said) == (wind == "arrows")


@pytest.mark.slow
def test_a_figure_of_no_wind_has_no_arrows(globe: Any) -> None:
    nothing = np.full((37, 72), np.nan, np.float32)
    part = Part(title="", values=globe.target, wind=Wind(east=nothing, north=nothing))
    shown = panel_set([part], globe.scene)
    drawn = (panels_image(shown, Look(wind=style), dpi=50) for style in (None, "arrows"))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.slow
def test_a_figure_in_a_projection_says_title_unit_and_attribution(norway: Any) -> None:
    shown = comparison_panels(norway.prediction, norway.target, norway.scene, None)
    svg = panels_figure(shown, Look(projection="orthographic"), file_format="svg")
    for words in ("2 m temperature [K]", "valid 2025-06-02 06:00 UTC", "Copernicus Climate"):
        assert words in written(svg)
