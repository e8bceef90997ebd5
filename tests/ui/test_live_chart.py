"""The live chart in a real browser, on a small app that appends a point at each refresh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.small_app import served

APP = """
import time

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from aurora_dash.ui.live_chart import live_chart


def figure(points):
    x = np.arange(points)
    y = (np.exp(-x / 100) + 0.1 * np.sin(x / 7)).astype("float32")
    drawn = go.Figure(go.Scatter(x=x, y=y, name="loss"))
    drawn.update_layout(title="Loss", template=go.layout.Template(), transition={"duration": 0})
    return drawn


cells = go.Figure(go.Heatmap(x=["+6 h", "+12 h"], y=["2t", "z 500"], z=[[1, 2], [3, 4]]))
cells.update_layout(dragmode=False)


def clicked(x, y):
    st.session_state["clicked"] = [x, y]


@st.fragment(run_every=0.25)
def charts():
    points = st.session_state.get("points", 100) + 1
    st.session_state["points"] = points
    if st.session_state.get("shown", True):
        live_chart(figure(points), key="first", height=300, link="pair")
    live_chart(figure(points), key="second", height=200, link="pair")
    live_chart(cells, key="cells", height=200, on_click=clicked)
    st.text(f"clicked: {st.session_state.get('clicked')}")


st.checkbox("Show the first chart", value=True, key="shown")
charts()
early, late = st.tabs(["Early", "Late"])
with late:
    live_chart(figure(50), key="hidden", height=150)
"""

STATE = """() => {
  const chart = document.querySelector('[data-live-chart=first]');
  const { xaxis, yaxis } = chart._fullLayout;
  return {
    same: chart === window.kept,
    newest: Math.max(...chart._fullData[0].x),
    x: [...xaxis.range],
    y: [...yaxis.range],
    text: chart._fullLayout.font.color,
    label: chart.querySelector('.hoverlayer .hovertext')?.textContent ?? null,
  };
}"""

FIRST = "[data-live-chart=first]"
RESTING = "document.querySelector('[data-live-chart=hidden]')"


def test_what_goes_to_the_browser_keeps_zoom_and_never_animates() -> None:
    app = AppTest.from_string(APP, default_timeout=30).run()
    assert not app.exception
    charts = [element.proto for element in app.get("bidi_component")]
    payload = json.loads(charts[0].bytes)
    layout = payload["frame"]["layout"]
    assert payload["key"] == "first"
    assert (layout["uirevision"], layout["height"]) == ("first", 300)
    assert "transition" not in layout
    assert payload["arrays"][0]["y"]["dtype"] == "f4"
    assert len(charts) == 4
    assert len({chart.id for chart in charts}) == 4


def test_the_element_keeps_its_identity_when_the_figure_changes() -> None:
    app = AppTest.from_string(APP, default_timeout=30).run()
    before = app.get("bidi_component")[0].proto
    app.run()
    after = app.get("bidi_component")[0].proto
    assert before.id == after.id
    assert before.bytes != after.bytes


def test_numbers_that_json_lacks_reach_the_browser_as_gaps() -> None:
    app = AppTest.from_string(
        "import plotly.graph_objects as go\n"
        "from aurora_dash.ui.live_chart import live_chart\n"
        "live_chart(go.Figure(go.Scatter(y=[1.0, float('nan'), 3.0])), key='gap')\n",
        default_timeout=30,
    ).run()
    assert not app.exception
    payload = json.loads(app.get("bidi_component")[0].proto.bytes)
    assert payload["frame"]["data"][0]["y"] == [1.0, None, 3.0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("live-chart")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    with served(folder / "app.py", folder / "server.log") as url:
        yield url


class Visit:
    """A tab on the app, with everything it asked for and complained of."""

    def __init__(self, context: Any, url: str) -> None:
        self.page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        self.page.goto(url)
        self.wait_for_charts()

    def wait_for_charts(self) -> None:
        self.page.wait_for_selector(f"{FIRST} .scatterlayer .trace", timeout=30_000)
        self.page.wait_for_selector("[data-live-chart=second] .scatterlayer .trace")
        self.page.evaluate(f"window.kept = document.querySelector('{FIRST}')")

    def state(self) -> dict[str, Any]:
        return self.page.evaluate(STATE)

    def refreshes(self, count: int) -> dict[str, Any]:
        """State after `count` more points have arrived."""
        wanted = self.state()["newest"] + count
        self.page.wait_for_function(
            f"Math.max(...document.querySelector('{FIRST}')._fullData[0].x) >= {wanted}"
        )
        return self.state()

    def plot_area(self) -> dict[str, float]:
        return self.page.locator(f"{FIRST} .nsewdrag").bounding_box()


VIEWPORT = {"width": 1000, "height": 900}


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    with browser.new_context(viewport=VIEWPORT) as context:
        yield context


@pytest.fixture
def visit(context: Any, server: str) -> Iterator[Visit]:
    opened = Visit(context, server)
    yield opened
    opened.page.close()


@pytest.mark.browser
def test_new_points_arrive_in_the_same_element_without_a_blank_frame(visit: Visit) -> None:
    before = visit.state()
    visit.page.evaluate(
        """(chart) => {
          window.frames_seen = 0;
          window.blank_frames = 0;
          const look = () => {
            window.frames_seen += 1;
            const line = document.querySelector(chart + ' .scatterlayer .js-line');
            if (!line || !line.getAttribute('d')) window.blank_frames += 1;
            requestAnimationFrame(look);
          };
          look();
        }""",
        FIRST,
    )
    after = visit.refreshes(8)
    assert after["same"]
    assert after["newest"] >= before["newest"] + 8
    assert after["x"][1] == after["newest"], "without a zoom the newest point is in sight"
    assert visit.page.evaluate("window.frames_seen") > 20
    assert visit.page.evaluate("window.blank_frames") == 0


@pytest.mark.browser
def test_zoom_outlives_ten_refreshes_and_a_double_click_resets_it(visit: Visit) -> None:
    area = visit.plot_area()
    left, top = area["x"] + 0.2 * area["width"], area["y"] + 0.2 * area["height"]
    right, bottom = area["x"] + 0.6 * area["width"], area["y"] + 0.8 * area["height"]
    visit.page.mouse.move(left, top)
    visit.page.mouse.down()
    visit.page.mouse.move(right, bottom, steps=5)
    visit.page.wait_for_timeout(800)
    assert visit.page.locator(f"{FIRST} .zoombox").count() == 1, "refreshes leave a drag alone"
    visit.page.mouse.up()
    visit.page.mouse.move(5, 5)
    zoomed = visit.refreshes(1)
    assert zoomed["x"][0] > 10
    later = visit.refreshes(10)
    assert (later["x"], later["y"]) == (zoomed["x"], zoomed["y"])
    assert later["same"]

    visit.page.mouse.dblclick((left + right) / 2, (top + bottom) / 2)
    reset = visit.refreshes(2)
    assert reset["x"] == [0, reset["newest"]]


SECOND = "document.querySelector('[data-live-chart=second]')"


@pytest.mark.browser
def test_a_zoom_of_one_chart_is_one_of_all_that_are_linked(visit: Visit) -> None:
    area = visit.plot_area()
    y = area["y"] + 0.5 * area["height"]
    visit.page.mouse.move(area["x"] + 0.2 * area["width"], y)
    visit.page.mouse.down()
    visit.page.mouse.move(area["x"] + 0.6 * area["width"], y, steps=5)
    visit.page.mouse.up()
    visit.page.mouse.move(5, 5)
    first = visit.refreshes(3)["x"]
    assert first[0] > 10
    second = visit.page.evaluate(f"{SECOND}._fullLayout.xaxis.range")
    assert second == pytest.approx(first)

    # From the other side, all is shown again.
    box = visit.page.locator("[data-live-chart=second] .nsewdrag").bounding_box()
    visit.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reset = visit.refreshes(2)
    assert reset["x"] == [0, reset["newest"]]


@pytest.mark.browser
def test_the_pointer_on_one_chart_reads_all_that_are_linked(visit: Visit) -> None:
    area = visit.plot_area()
    visit.page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    for chart in ("first", "second"):
        visit.page.wait_for_selector(f"[data-live-chart={chart}] .hoverlayer .hovertext")
    visit.page.mouse.move(5, 5)
    for chart in ("first", "second"):
        visit.page.wait_for_selector(
            f"[data-live-chart={chart}] .hoverlayer .hovertext", state="detached"
        )


@pytest.mark.browser
def test_points_that_arrive_during_a_pan_do_not_pull_the_axis(visit: Visit) -> None:
    area = visit.plot_area()
    x, y = area["x"] + 0.7 * area["width"], area["y"] + 0.5 * area["height"]
    visit.page.keyboard.down("Shift")
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x - 20, y)
    visit.page.wait_for_timeout(100)
    held = visit.state()["x"]
    for step in range(2, 6):
        visit.page.mouse.move(x - 20 * step, y)
        visit.page.wait_for_timeout(250)
    visit.page.mouse.up()
    visit.page.keyboard.up("Shift")
    after = visit.refreshes(2)["x"]
    assert after[0] > held[0]
    assert after[1] - after[0] == pytest.approx(held[1] - held[0])


@pytest.mark.browser
def test_the_label_under_a_resting_pointer_stays(visit: Visit) -> None:
    area = visit.plot_area()
    visit.page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    visit.page.wait_for_selector(f"{FIRST} .hoverlayer .hovertext")
    assert visit.refreshes(3)["label"]


@pytest.mark.browser
def test_all_comes_from_this_machine_and_plotly_only_once(browser: Any, server: str) -> None:
    with browser.new_context(viewport=VIEWPORT) as fresh_profile:
        visit = Visit(fresh_profile, server)
        visit.refreshes(1)
        visit.page.reload()
        visit.wait_for_charts()
        visit.refreshes(1)
    local = (server, server.replace("http", "ws", 1), "data:", f"blob:{server}")
    assert [url for url in visit.requests if not url.startswith(local)] == []
    assert sum("plotly.min.js" in url for url in visit.requests) == 1
    assert visit.complaints == []


@pytest.mark.browser
def test_text_follows_the_theme_of_the_page(visit: Visit) -> None:
    light = visit.state()["text"]
    visit.page.emulate_media(color_scheme="dark")
    visit.page.wait_for_function(
        f"document.querySelector('{FIRST}')._fullLayout.font.color !== '{light}'"
    )
    dark = visit.state()["text"]
    assert _brightness(light) < 100
    assert _brightness(dark) > 150


def _brightness(colour: str) -> float:
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) / 3


@pytest.mark.browser
def test_a_chart_fills_the_width_it_is_given(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Late").click()
    visit.page.wait_for_function(f"{RESTING}?._fullLayout")
    widths = f"[kept, {RESTING}].map(chart => [chart.clientWidth, chart._fullLayout.width])"
    for given, drawn in visit.page.evaluate(widths):
        assert given == drawn
    visit.page.set_viewport_size({"width": 480, "height": 900})
    for chart in ("kept", RESTING):
        visit.page.wait_for_function(f"{chart}._fullLayout.width < 480")
    for given, drawn in visit.page.evaluate(widths):
        assert given == drawn


@pytest.mark.browser
def test_a_chart_on_a_hidden_tab_waits_until_it_is_seen(visit: Visit) -> None:
    assert visit.page.evaluate(f"!{RESTING} || !{RESTING}._fullLayout")


@pytest.mark.browser
def test_a_chart_that_leaves_the_page_is_let_go_and_can_come_back(visit: Visit) -> None:
    toggle = visit.page.get_by_text("Show the first chart")
    toggle.click()
    visit.page.wait_for_function("!kept.isConnected && !kept._fullLayout")
    toggle.click()
    visit.wait_for_charts()
    assert visit.refreshes(2)["same"]
    assert visit.complaints == []


@pytest.mark.browser
def test_a_click_on_a_cell_tells_the_page_its_place(visit: Visit) -> None:
    area = visit.page.locator("[data-live-chart=cells] .nsewdrag").bounding_box()
    # The right of the lower row: Plotly draws the first row at the bottom.
    visit.page.mouse.click(area["x"] + 0.75 * area["width"], area["y"] + 0.75 * area["height"])
    visit.page.wait_for_selector("text=clicked: ['+12 h', '2t']")
