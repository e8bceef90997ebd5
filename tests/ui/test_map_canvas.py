"""The linked maps in a real browser: drawn, zoomed, read, steered by mouse and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.figures.raster.wire import unpack
from tests.browser.conftest import Watched
from tests.small_app import served

HEIGHT, WIDTH = 901, 1800
APP = """
from datetime import datetime

import numpy as np
import streamlit as st

from aurora_dash.figures.panels import comparison_panels
from aurora_dash.figures.scene import Scene
from aurora_dash.ui.map_canvas import map_canvas, map_frame
from aurora_dash.variables import Group, describe

latitudes, longitudes = np.linspace(90, -90, HEIGHT), np.arange(WIDTH) * 360 / WIDTH


@st.cache_resource
def panels(lead):
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
    target = (250 + row / 10 + 20 * np.sin(column / 40)).astype("float32")
    prediction = target + np.float32(lead) + (row * 7 + column * 13) % 11 / np.float32(10)
    target[300:400, 200:300] = np.nan
    scene = Scene(
        variable=describe("2t", Group.SURFACE), latitudes=latitudes, longitudes=longitudes,
        valid_time=datetime(2025, 6, 1, lead), lead_hours=lead, labels=["synthetic data"],
        attribution="Nobody's data.",
    )
    return comparison_panels(prediction, target, scene, None)


lead = st.segmented_control("Lead", [6, 12], default=6)
projection = st.query_params.get("projection", "plate_carree")
frames = [map_frame(panels(hours), projection=projection) for hours in (6, 12)]
view = map_canvas(
    panels(lead), key="maps", projection=projection, frames=frames,
    swipe="swipe" in st.query_params,
)
st.text(f"point={view.point} box={view.box} frame={view.frame}")
"""


def _app(height: int, width: int) -> str:
    return f"HEIGHT, WIDTH = {height}, {width}\n{APP}"


browsed = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(180)]
READ = """() => ({
  place: document.querySelector('.aurora-map-place').textContent,
  values: [...document.querySelectorAll('.aurora-map-reading')].map(each => each.textContent),
})"""
PICTURES = """() => [...document.querySelectorAll('.aurora-map-canvas')].map(canvas => {
  const { width, height } = canvas;
  const bytes = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 4) sum = (sum * 31 + bytes[i] + 7 * bytes[i + 1]) % 1e9;
  return sum;
})"""
VIEW = "() => { const { x, y, zoom } = auroraDashMapViews.get('maps'); return { x, y, zoom }; }"
HOST = "[data-map-canvas=maps]"


def _prediction(latitude: float, longitude: float, lead: int = 6) -> float:
    row, column = _cell(latitude, longitude)
    return _target(latitude, longitude) + lead + (row * 7 + column * 13) % 11 / 10


def _target(latitude: float, longitude: float) -> float:
    row, column = _cell(latitude, longitude)
    return float(250 + row / 10 + 20 * np.sin(column / 40))


def _cell(latitude: float, longitude: float) -> tuple[int, int]:
    return round((90 - latitude) * 5), round(longitude * 5) % WIDTH


def _place(text: str) -> tuple[float, float]:
    found = re.fullmatch(r"([\d.]+)° ([NS]), ([\d.]+)° ([EW])", text)
    assert found, text
    latitude = float(found[1]) * (1 if found[2] == "N" else -1)
    return latitude, float(found[3]) * (1 if found[4] == "E" else -1)


def _number(text: str) -> float:
    return float(text.removesuffix(" K").replace("−", "-"))


def _assert_read(page: Any, lead: int = 6) -> tuple[float, float]:
    """All three readings are the fields' values at the place that is named."""
    seen = page.evaluate(READ)
    latitude, longitude = _place(seen["place"])
    expected = [_prediction(latitude, longitude, lead), _target(latitude, longitude)]
    read = [_number(text) for text in seen["values"]]
    # The span of the fields in 65534 steps, and six digits.
    assert read[:2] == pytest.approx(expected, abs=0.003)
    assert read[2] == pytest.approx(expected[0] - expected[1], abs=0.003)
    return latitude, longitude


def test_another_run_sends_only_what_the_browser_lacks() -> None:
    app = AppTest.from_string(_app(361, 720), default_timeout=30).run()
    assert not app.exception
    first = app.get("bidi_component")[0].proto
    app.run()
    again = app.get("bidi_component")[0].proto
    assert again.id == first.id
    head, arrays = unpack(first.bytes)
    assert [panel["title"] for panel in head["panels"]] == [
        "Prediction",
        "Target",
        "Prediction − target",
    ]
    assert arrays
    head_again, nothing = unpack(again.bytes)
    assert not nothing
    assert head_again["whole"] == head["whole"]
    assert head_again["keep"] == head["keep"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("map-canvas")
    app = folder / "app.py"
    app.write_text(_app(HEIGHT, WIDTH), encoding="utf-8")
    with served(app, folder / "server.log") as url:
        yield url


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    opened = context.new_page()
    watched = Watched()
    watched.watch(opened)
    opened.goto(address)
    opened.wait_for_selector(f"{HOST}[data-shown]")
    yield opened
    context.close()
    assert watched.foreign_requests == []
    assert watched.console_errors == []


def _spot(page: Any, panel: int, across: float, down: float) -> tuple[float, float]:
    box = page.locator(".aurora-map-frame").nth(panel).bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def _zoomed(page: Any, panel: int = 1, turns: int = 8) -> None:
    """Zoom in by the wheel until the part in view has arrived at full resolution."""
    page.mouse.move(*_spot(page, panel, 0.7, 0.3))
    for _ in range(turns):
        page.mouse.wheel(0, -240)
    page.wait_for_function(f"document.querySelector('{HOST}').dataset.part", timeout=20_000)


class TestWithAMouse:
    pytestmark = browsed

    def test_a_zoom_in_one_map_zooms_all_and_brings_the_grids_own_cells(self, page: Any) -> None:
        before = page.evaluate(PICTURES)
        assert len(set(before)) == 3
        page.mouse.move(*_spot(page, 0, 0.61, 0.33))
        latitude, longitude = _assert_read(page)
        # Of the whole every third cell is sent, the middle one of three.
        assert {value % 3 for value in _cell(latitude, longitude)} == {1}
        _zoomed(page)
        after = page.evaluate(PICTURES)
        assert all(old != new for old, new in zip(before, after, strict=True))
        columns = set()
        for across in (0.41, 0.415, 0.42, 0.425, 0.43, 0.435):
            page.mouse.move(*_spot(page, 2, across, 0.6))
            columns.add(_cell(*_assert_read(page))[1])
        # Neighbours among them, which the whole left out.
        assert len(columns) >= 2
        assert max(columns) - min(columns) < 2 * len(columns)

    def test_zoom_outlives_another_lead_and_the_new_fields_are_read(self, page: Any) -> None:
        _zoomed(page)
        view = page.evaluate(VIEW)
        shown = page.locator(HOST).get_attribute("data-shown")
        part = page.locator(HOST).get_attribute("data-part")
        page.evaluate(f"window.kept = document.querySelector('{HOST}')")
        page.get_by_role("radio", name="12").click()
        page.wait_for_function(
            f"document.querySelector('{HOST}').dataset.shown !== '{shown}' && "
            f"document.querySelector('{HOST}').dataset.part !== '{part}'"
        )
        assert page.evaluate(f"window.kept === document.querySelector('{HOST}')")
        assert page.evaluate(VIEW) == view
        page.mouse.move(*_spot(page, 0, 0.5, 0.5))
        _assert_read(page, lead=12)

    def test_a_browser_that_lost_what_it_held_gets_it_again(self, page: Any) -> None:
        page.evaluate("auroraDashMapBlocks.get('maps').clear()")
        page.get_by_role("radio", name="12").click()
        page.wait_for_function(
            "document.querySelector('.aurora-map-subtitle').textContent.includes('+12 h')"
        )
        page.mouse.move(*_spot(page, 0, 0.3, 0.6))
        _assert_read(page, lead=12)

    def test_what_has_no_value_is_hatched_and_named(self, page: Any) -> None:
        # Rows 300 to 400 and columns 200 to 300 are latitudes 30 to 10 and longitudes 40 to 60.
        across, down = (50 + 180) / 360, (90 - 20) / 180
        page.mouse.move(*_spot(page, 1, across, down))
        assert page.evaluate(READ)["values"][1:] == ["no value"] * 2
        assert "no value" in page.locator(".aurora-map-notes").inner_text()
        greys = page.evaluate(
            """([across, down]) => {
              const canvas = document.querySelectorAll('.aurora-map-canvas')[1];
              const x = Math.round(canvas.width * across), y = Math.round(canvas.height * down);
              const data = canvas.getContext('2d').getImageData(x - 8, y - 4, 16, 8).data;
              const pixels = [];
              for (let i = 0; i < data.length; i += 4) pixels.push([...data.slice(i, i + 3)]);
              return pixels;
            }""",
            [across, down],
        )
        # Lines of the map may cross; most of it is grey, some of that dark.
        grey = [pixel for pixel in greys if max(pixel) - min(pixel) <= 3]
        assert len(grey) > 0.7 * len(greys)
        assert len({pixel[0] // 16 for pixel in grey}) >= 2

    def test_a_click_is_a_point_and_a_drag_with_shift_is_a_box(self, page: Any) -> None:
        page.mouse.click(*_spot(page, 0, 0.75, 0.25))
        words = page.get_by_text(re.compile(r"point=\("))
        words.wait_for()
        latitude, longitude = map(float, re.findall(r"-?[\d.]+", words.inner_text())[:2])
        assert (latitude, longitude) == pytest.approx((45, 90), abs=0.6)
        page.keyboard.down("Shift")
        page.mouse.move(*_spot(page, 1, 0.5, 0.25))
        page.mouse.down()
        page.mouse.move(*_spot(page, 1, 0.6, 0.4), steps=3)
        page.mouse.up()
        page.keyboard.up("Shift")
        page.get_by_text(re.compile(r"box=Box\(")).wait_for()
        found = page.get_by_text(re.compile(r"box=Box\(")).inner_text().split("box=")[1]
        edges = list(map(float, re.findall(r"-?[\d.]+", found)[:4]))
        assert edges == pytest.approx([18, 45, 0, 36], abs=0.7)


class TestByKeyboard:
    pytestmark = browsed

    def test_keys_zoom_move_choose_and_take_back(self, page: Any) -> None:
        area = page.get_by_role("application")
        assert "Arrow keys move" in area.get_attribute("aria-label")
        area.focus()
        start = page.evaluate(VIEW)
        for key in ("+", "+", "ArrowRight", "ArrowUp"):
            page.keyboard.press(key)
        moved = page.evaluate(VIEW)
        assert moved["zoom"] == pytest.approx(1.6**2)
        assert moved["x"] > start["x"]
        assert moved["y"] > start["y"]
        # Who can't point reads the middle, and may choose it.
        latitude, longitude = _assert_read(page)
        assert (latitude, longitude) == pytest.approx((moved["y"], moved["x"]), abs=0.3)
        page.keyboard.press("Enter")
        page.get_by_text(re.compile(r"point=\(")).wait_for()
        page.keyboard.press("Escape")
        page.get_by_text("point=None").wait_for()
        page.keyboard.press("-")
        assert page.evaluate(VIEW)["zoom"] == pytest.approx(1.6)
        page.keyboard.press("0")
        assert page.evaluate(VIEW) == start


class TestMore:
    pytestmark = browsed

    def test_a_projected_map_reads_the_cell_under_the_pointer(
        self, page: Any, address: str
    ) -> None:
        page.goto(f"{address}/?projection=orthographic")
        page.wait_for_selector(f"{HOST}[data-shown]")
        page.mouse.move(*_spot(page, 0, 0.5, 0.5))
        # A globe's middle is where the projection is centred.
        assert _assert_read(page) == pytest.approx((30, 0), abs=0.6)
        _zoomed(page, turns=6)
        page.mouse.move(*_spot(page, 2, 0.3, 0.4))
        _assert_read(page)
        page.locator(".aurora-map-button[aria-label='Show all']").click()
        page.mouse.move(*_spot(page, 0, 0.02, 0.02))
        assert page.evaluate(READ) == {"place": "", "values": [""] * 3}

    def test_an_animation_is_played_here_and_tells_where_it_was_paused(self, page: Any) -> None:
        page.get_by_role("button", name="Play").click()
        page.wait_for_function(
            "document.querySelector('.aurora-map-subtitle').textContent.includes('+12 h')"
        )
        page.get_by_role("button", name="Pause").click()
        page.get_by_text(re.compile(r"frame=[01]")).wait_for()
        frame = int(page.get_by_text(re.compile(r"frame=[01]")).inner_text()[-1])
        page.mouse.move(*_spot(page, 0, 0.7, 0.7))
        _assert_read(page, lead=(6, 12)[frame])

    def test_two_maps_are_swiped_in_one(self, page: Any, address: str) -> None:
        page.goto(f"{address}/?swipe=1")
        page.wait_for_selector(f"{HOST}[data-shown]")
        assert page.locator(".aurora-map-frame").count() == 2
        for across, value in ((0.4, _prediction), (0.6, _target)):
            page.mouse.move(*_spot(page, 0, across, 0.7))
            seen = page.evaluate(READ)
            expected = value(*_place(seen["place"]))
            assert _number(seen["values"][0]) == pytest.approx(expected, abs=0.003)
        before = page.evaluate(PICTURES)[0]
        page.get_by_role("slider", name="Divider").focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(100)
        assert page.evaluate(PICTURES)[0] != before
