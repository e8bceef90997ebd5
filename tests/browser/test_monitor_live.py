"""The Monitor in a real browser while a run grows: what a person set up stays as it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page

from aurora_dash.runs.alerts import Alert
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, TrainingSpec
from tests.browser.serving import Server
from tests.pages.helpers import TINY_DATA, record

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_SECONDS_A_STEP = 0.1
_LOSS = "document.querySelector('[data-live-chart^=loss-]')"
_STATE = f"""() => {{
  const chart = {_LOSS};
  const shown = chart._fullData.filter((trace) => trace.visible === true);
  return {{
    same: chart === window.kept,
    newest: Math.max(...chart._fullData[0].x),
    x: [...chart._fullLayout.xaxis.range],
    y: [...chart._fullLayout.yaxis.range],
    shown: shown.map((trace) => trace.name),
  }};
}}"""
_WATCH_FRAMES = f"""() => {{
  window.kept = {_LOSS};
  window.frames_seen = window.blank_frames = 0;
  const look = () => {{
    window.frames_seen += 1;
    const line = document.querySelector('[data-live-chart^=loss-] .scatterlayer .js-line');
    if (!line || !line.getAttribute('d')) window.blank_frames += 1;
    requestAnimationFrame(look);
  }};
  look();
}}"""


@pytest.fixture
def growing(server: Server) -> Iterator[Run]:
    """A run under way that gains ten steps a second, and has an alert."""
    spec = RunSpec(name="growing", data=TINY_DATA, training=TrainingSpec(steps=10_000))
    run = RunStore(server.runs).create(spec)
    with own(run) as owner, MetricsWriter(run.metrics_path) as metrics:
        owner.update(state=RunState.RUNNING, device="cpu", total_steps=10_000)
        for step in range(1, 101):
            metrics.write(record(step, loss=1 + step % 7))
        metrics.write({"step": 50, "split": "validation", "loss": 3.0})
        metrics.write({"step": 100, "split": "validation", "loss": 2.0})
        alert = Alert(rule="plateau", step=60, message="Nothing falls.", advice="Raise the rate.")
        run.log_event(**alert.fields())
        for number in range(60):
            run.log_event("info", f"event {number}")
        with _stepping(metrics):
            yield run
        owner.update(state=RunState.STOPPED, reason="The test is over.")


@contextmanager
def _stepping(metrics: MetricsWriter) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        step = 100
        while not over.wait(_SECONDS_A_STEP):
            step += 1
            metrics.write(record(step, loss=1 + step % 7))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _open(page: Page, server: Server, run: Run, **more: str) -> None:
    asked = "".join(f"&{name}={value}" for name, value in more.items())
    page.goto(f"{server.url}/monitor?run={run.id}{asked}")
    _wait_for_chart(page)


def _wait_for_chart(page: Page) -> None:
    page.wait_for_selector("[data-live-chart^=loss-] .scatterlayer .trace", timeout=90_000)
    # A level line has no height that one could see.
    page.wait_for_selector("[data-live-chart^=norm-] .scatterlayer .trace", state="attached")


def _refreshes(page: Page, count: int) -> dict:
    """The state of the loss chart after that many refreshes that brought new points."""
    for _ in range(count):
        newest = page.evaluate(_STATE)["newest"]
        page.wait_for_function(f"Math.max(...{_LOSS}._fullData[0].x) > {newest}")
    return page.evaluate(_STATE)


def test_zoom_and_hidden_curves_outlive_refreshes_and_a_link_shows_the_same(
    page: Page, server: Server, growing: Run
) -> None:
    _open(page, server, growing)
    page.evaluate(_WATCH_FRAMES)
    page.locator("[data-live-chart^=loss-] .legendtoggle").nth(1).click()
    page.wait_for_function(f"{_LOSS}._fullData[1].visible === 'legendonly'")
    area = page.locator("[data-live-chart^=loss-] .nsewdrag").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 0.2 * area["width"], area["y"] + 0.2 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.8 * area["height"], steps=5)
    page.mouse.up()
    page.mouse.move(5, 5)
    zoomed = _refreshes(page, 1)
    assert zoomed["x"][0] > 10
    assert zoomed["shown"] == ["training", "alert"]

    # So many that a whole new figure came meanwhile.
    page.wait_for_function(f"Math.max(...{_LOSS}._fullData[0].x) > 1.5 * {zoomed['newest']}")
    later = _refreshes(page, 10)
    assert later["newest"] >= zoomed["newest"] + 10
    assert (later["x"], later["y"]) == (zoomed["x"], zoomed["y"])
    assert later["shown"] == zoomed["shown"]
    assert later["same"]
    assert page.evaluate("window.frames_seen") > 20
    assert page.evaluate("window.blank_frames") == 0

    # A curve that comes to stand before others takes over nothing of theirs.
    page.get_by_role("slider").press("ArrowRight")
    page.wait_for_function(f"{_LOSS}._fullData.some((t) => t.name === 'training, smoothed')")
    assert page.evaluate(_STATE)["shown"] == ["training", "training, smoothed", "alert"]
    asked = parse_qs(urlsplit(page.url).query)
    assert (asked["hide"], asked["smoothing"]) == (["loss.validation"], ["0.5"])
    page.reload()
    _wait_for_chart(page)
    assert page.evaluate(_STATE)["shown"] == ["training", "training, smoothed", "alert"]


def test_a_section_opens_without_moving_what_is_above_and_closes_again(
    page: Page, server: Server, growing: Run
) -> None:
    _open(page, server, growing)
    page.evaluate(_WATCH_FRAMES)
    between = f"""document.querySelector('[data-live-chart^=norm-]').getBoundingClientRect().top
      - {_LOSS}.getBoundingClientRect().top"""
    before = page.evaluate(between)
    title = page.get_by_text("Gradients, weights and learning rates")
    title.click()
    chart = "[data-live-chart^=group-norms-]"
    page.wait_for_selector(f"{chart} .scatterlayer .trace", state="attached")
    assert page.evaluate(between) == before
    assert parse_qs(urlsplit(page.url).query)["gradients"] == ["true"]
    title.click()
    page.wait_for_selector(chart, state="detached")
    assert _refreshes(page, 2)["same"]
    assert page.evaluate("window.blank_frames") == 0


def test_the_mark_of_an_alert_says_what_to_do_along_the_clock_too(
    page: Page, server: Server, growing: Run
) -> None:
    _open(page, server, growing, along="UTC")
    place = page.evaluate(
        f"""() => {{
          const chart = {_LOSS}, box = chart.querySelector('.nsewdrag').getBoundingClientRect();
          const mark = chart._fullData.find((trace) => trace.name === 'alert');
          const axis = chart._fullLayout.xaxis;
          return [box.left + axis.d2p(mark.x[0]), box.top + box.height / 2];
        }}"""
    )
    page.mouse.move(*place)
    page.wait_for_function(
        f"{_LOSS}.querySelector('.hoverlayer')?.textContent.includes('Raise the rate.')"
    )
    assert "UTC" in page.evaluate(f"{_LOSS}.querySelector('.hoverlayer').textContent")


def _log(page: Page) -> Locator:
    return page.locator(".st-key-log-panel")


_BELOW = """(panel) => {
  const scroller = [panel, panel.parentElement, ...panel.querySelectorAll('*')]
    .find((e) => ['auto', 'scroll'].includes(getComputedStyle(e).overflowY));
  return scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
}"""
"""How many pixels of the log lie below what is seen."""
_ABOVE = _BELOW.replace("scroller.scrollHeight - scroller.clientHeight - ", "")


def _until(condition, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def test_the_log_follows_its_newest_line_unless_somebody_scrolls_up(
    page: Page, server: Server, growing: Run
) -> None:
    _open(page, server, growing)
    panel = _log(page)
    panel.scroll_into_view_if_needed()
    _until(lambda: panel.evaluate(_BELOW) < 5)
    growing.log_event("warning", "the newest of all")
    panel.get_by_text("the newest of all").wait_for()
    _until(lambda: panel.evaluate(_BELOW) < 5)

    # By keyboard alone: from the search on with the tabulator, then up.
    page.get_by_placeholder("Search the log").focus()
    page.keyboard.press("Tab")

    def is_at_the_top() -> bool:
        # The panel may still be on its way down to the newest line.
        page.keyboard.press("Home")
        return bool(panel.evaluate(_ABOVE) == 0)

    _until(is_at_the_top)
    assert panel.evaluate(_BELOW) > 300
    # A line that comes while the scrolling itself goes on may still be followed.
    page.wait_for_timeout(1_000)
    growing.log_event("info", "one more while reading")
    panel.get_by_text("one more while reading").wait_for(state="attached")
    page.wait_for_timeout(800)
    assert panel.evaluate(_BELOW) > 300

    page.get_by_placeholder("Search the log").fill("newest of")
    page.keyboard.press("Enter")
    panel.get_by_text("event 12").wait_for(state="detached")
    assert panel.get_by_text("the newest of all").is_visible()
