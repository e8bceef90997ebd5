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
from aurora_dash.figures.publication import comparison_figure, field_figure
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
from aurora_dash.figures.publication import field_figure
from aurora_dash.figures.scene import Scene
scene = Scene(variable=describe("2t", Group.SURFACE), latitudes=data.latitude.values,
              longitudes=data.longitude.values)
assert field_figure(data.surf_2t[0].values, scene).startswith(b"\\x89PNG")
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
