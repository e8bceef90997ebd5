"""Interactive maps in a real browser: linked zoom, readings under the pointer, no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly
import pytest

from aurora_dash.figures.maps import comparison_maps

pytestmark = pytest.mark.browser

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
RANGES = "['xaxis', 'xaxis2', 'xaxis3'].map(axis => chart._fullLayout[axis].range)"


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    page.requests, page.complaints = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.set_content("<body style='margin:0'><div id='chart'></div></body>")
    page.add_script_tag(path=str(PLOTLY))
    yield page
    page.close()


@pytest.fixture
def drawn(page: Any, norway: Any) -> Any:
    figure = json.loads(comparison_maps(norway.prediction, norway.target, norway.scene).to_json())
    page.evaluate(
        "async figure => { await Plotly.newPlot('chart', figure.data, figure.layout); }", figure
    )
    return page


def test_a_zoom_in_one_map_is_a_zoom_in_all(drawn: Any) -> None:
    before = drawn.evaluate(RANGES)
    assert before == [[4.875, 20.125]] * 3
    box = drawn.locator(".nsewdrag[data-subplot=x2y2]").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drawn.mouse.move(middle[0] - 40, middle[1] - 80)
    drawn.mouse.down()
    drawn.mouse.move(middle[0] + 40, middle[1] + 80, steps=4)
    drawn.mouse.up()
    drawn.wait_for_function("chart._fullLayout.xaxis.range[0] > 5")
    zoomed = drawn.evaluate(RANGES)
    assert zoomed[0] == zoomed[1] == zoomed[2]
    assert zoomed[0][1] - zoomed[0][0] < 8


def test_maps_are_of_one_size_and_keep_the_shape_of_a_degree(drawn: Any) -> None:
    boxes = [
        drawn.locator(f".nsewdrag[data-subplot={name}]").bounding_box()
        for name in ("xy", "x2y2", "x3y3")
    ]
    for box in boxes[1:]:
        assert (box["width"], box["height"]) == pytest.approx(
            (boxes[0]["width"], boxes[0]["height"]), abs=1
        )
    # At 62.5 N a degree of latitude is 2.166 times as long as one of longitude.
    assert boxes[0]["height"] / boxes[0]["width"] == pytest.approx(2.166, rel=0.01)


def test_the_pointer_reads_the_value_under_it(drawn: Any, norway: Any) -> None:
    box = drawn.locator(".nsewdrag[data-subplot=x2y2]").bounding_box()
    drawn.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drawn.wait_for_selector(".hoverlayer .hovertext")
    label = drawn.locator(".hoverlayer .hovertext").text_content()
    assert label == f"62.50° N, 12.50° E{norway.target[30, 30]:.6g} K"


def test_maps_ask_for_nothing_and_complain_of_nothing(drawn: Any) -> None:
    assert drawn.requests == []
    assert drawn.complaints == []
