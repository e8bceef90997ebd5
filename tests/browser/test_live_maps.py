"""The maps of the validation sample in a real browser, while a run really trains."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from aurora_dash.presets import get_preset
from aurora_dash.runs.control import Action
from aurora_dash.runs.store import RunStore
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]

MAPS = '[data-map-canvas^="sample"]'
WATCH = """() => {
  const host = document.querySelector('[data-map-canvas^="sample"]');
  const canvas = host.querySelector('canvas.aurora-map-canvas');
  window.seen = {host, canvas, gone: 0, blank: 0, frames: 0};
  new MutationObserver((changes) => {
    for (const change of changes)
      for (const node of change.removedNodes)
        if (node.contains && (node.contains(host) || node.contains(canvas))) window.seen.gone += 1;
  }).observe(document.body, {childList: true, subtree: true});
  // After a frame was painted: within one a canvas may be cleared and drawn.
  const painted = new MessageChannel();
  painted.port1.onmessage = () => {
    const pixels = canvas.getContext('2d').getImageData(
      canvas.width / 4, canvas.height / 4, canvas.width / 2, canvas.height / 2).data;
    let filled = false;
    for (let i = 3; i < pixels.length; i += 400) filled ||= pixels[i] > 0;
    window.seen.frames += 1;
    if (!filled) window.seen.blank += 1;
    requestAnimationFrame(() => painted.port2.postMessage(null));
  };
  requestAnimationFrame(() => painted.port2.postMessage(null));
}"""
SEEN = """() => {
  const host = document.querySelector('[data-map-canvas^="sample"]');
  const view = auroraDashMapViews.get(host.dataset.mapCanvas).seen();
  return {
    same: host === window.seen.host && host.querySelector('canvas') === window.seen.canvas,
    view: [view.left, view.right, view.bottom, view.top].map((edge) => +edge.toFixed(6)),
    ...window.seen, host: 0, canvas: 0,
  };
}"""


def _step(page: Page) -> int:
    text = page.locator(f"{MAPS} .aurora-map-subtitle").inner_text()
    found = re.match(r"step ([\d,]+)", text)
    assert found, text
    return int(found[1].replace(",", ""))


def _await_step(page: Page, least: int) -> None:
    page.wait_for_function(
        """([maps, least]) => {
          const text = document.querySelector(`${maps} .aurora-map-subtitle`)?.textContent ?? '';
          return Number((text.match(/^step ([\\d,]+)/)?.[1] ?? '-1').replace(',', '')) >= least;
        }""",
        arg=[MAPS, least],
        timeout=90_000,
    )


def test_maps_follow_the_training_and_keep_zoom_and_picture(server: Server, page: Page) -> None:
    spec = get_preset("demo").with_overrides(
        ["training.steps=20000", "training.validate_every=4", "name=maps"]
    )
    run = RunStore(server.runs).create(spec)
    page.goto(f"{server.url}/monitor?run={run.id}")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator(MAPS)).to_be_visible(timeout=120_000)
    expect(page.locator(f"{MAPS} .aurora-map-badge")).to_contain_text("RANDOM WEIGHTS")
    _await_step(page, 4)
    page.locator(MAPS).scroll_into_view_if_needed()
    page.locator(MAPS).get_by_label("Zoom in").click()
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    zoomed = page.evaluate(SEEN)["view"]
    assert zoomed[1] - zoomed[0] < 300

    # Two more validations come while the page is only looked at.
    _await_step(page, _step(page) + 8)
    after = page.evaluate(SEEN)
    assert after["same"]
    assert after["view"] == zoomed
    assert after["gone"] == 0
    assert after["frames"] > 20
    assert after["blank"] == 0

    # A step that is chosen stays, whatever comes.
    page.locator(".st-key-sample-newest label").first.click()
    slider = page.locator(".st-key-sample-step").get_by_role("slider")
    slider.focus()
    slider.press("Home")
    page.wait_for_function(
        """(maps) => document.querySelector(`${maps} .aurora-map-subtitle`)
             .textContent.startsWith('step 0,')""",
        arg=MAPS,
    )
    page.wait_for_timeout(6000)
    assert _step(page) == 0
    assert page.evaluate(SEEN)["view"] == zoomed
    run.request(Action.STOP)
