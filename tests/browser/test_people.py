"""Everybody can use the pages: with a keyboard, on a phone, in light and in dark, in one zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from aurora_dash.presets import demo
from aurora_dash.runs.annotations import annotate
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import RunStore
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]

PATIENCE = 60_000
PAGES = (
    "", "model", "data", "variables", "train", "monitor", "evaluate", "compare", "doctor",
)  # fmt: skip
WITH_CHARTS = ("monitor", "compare")
DRAWN = '[data-testid="stApp"][data-test-script-state="notRunning"]'
STICKING_OUT = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  return main.scrollWidth - main.clientWidth;
}"""
# WCAG 2.2, 2.5.8: 24 by 24 pixels. Of a label with its box inside, the label is what one touches;
# of a slider the whole track.
TOO_SMALL = """() => [...document.querySelectorAll(
    '[data-testid=stMain] :is(button, a[href], summary, input:not([type=range]), textarea)')]
  .map(element => element.closest('label') ?? element)
  .filter(element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter(element => !element.closest('p, li, [data-live-chart]'))
  .map(element => [element, element.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && box.height > 1)
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([element, box]) => `${element.outerHTML.slice(0, 160)} ${box.width}x${box.height}`)"""
# All that the browser itself would give the focus to, of a group of radio buttons the chosen one.
REACHABLE = """() => {
  window.kept = [...document.querySelectorAll(
      'a[href], button, input, select, textarea, summary, canvas[tabindex], [tabindex="0"]')]
    .filter(element => element.tabIndex >= 0 && !element.disabled && !element.inert)
    .filter(element => element.checkVisibility({ visibilityProperty: true }))
    .filter(element => !element.closest('[data-testid=stHeader], [aria-hidden=true]'))
    .filter(element => element.type !== 'radio' || element.checked)
    .filter(element => element.getAttribute('role') !== 'radio'
      || element.getAttribute('aria-checked') === 'true');
  return window.kept.length;
}"""
STYLE = """const style = element => {
  const found = [];
  for (let at = element, depth = 0; at && depth < 4; at = at.parentElement, depth += 1) {
    for (const part of [at, ...(depth ? [] : at.querySelectorAll('*'))].slice(0, 30)) {
      const { outlineStyle, outlineColor, outlineWidth, boxShadow, borderColor, backgroundColor,
        color, textDecorationLine } = getComputedStyle(part);
      found.push([outlineStyle, outlineStyle === 'none' ? '' : outlineColor + outlineWidth,
        boxShadow, borderColor, backgroundColor, color, textDecorationLine].join());
    }
  }
  return found.join(';');
};"""
# Which of the kept has the focus, and how it looks with it.
FOCUSED = f"""() => {{ {STYLE}
  const at = document.activeElement;
  window.looks ??= new Map();
  window.looks.set(at, style(at));
  return window.kept.indexOf(at);
}}"""
# Those that look the same with the focus as without it.
UNSEEN = f"""() => {{ {STYLE}
  document.activeElement?.blur();
  document.body.offsetHeight;
  return [...window.looks].filter(([element]) => window.kept.includes(element))
    .filter(([element, look]) => element.isConnected && style(element) === look)
    .map(([element]) => element.outerHTML.slice(0, 200));
}}"""
NAMES = "() => [...window.kept].map(element => element.outerHTML.slice(0, 200))"


@pytest.fixture(scope="module")
def furnished(server: Server) -> Server:
    """A server with runs in several states, all of which somebody looks at on every page."""
    store = RunStore(server.runs)
    for state, reason in ((RunState.COMPLETED, ""), (RunState.FAILED, "The loss is not finite.")):
        run = store.create(demo().replace(name=f"{state.value} example"))
        owner = Owner.take(run, launcher="thread")
        owner.update(state=RunState.RUNNING, device="cpu", total_steps=20)
        with MetricsWriter(run.metrics_path) as metrics:
            for step in range(1, 21):
                values = {"loss": 1 / step, "lr": 1e-3, "grad_norm": 2.0, "step_seconds": 0.1}
                metrics.write({"step": step, "epoch": 1.0, "split": "train", **values})
        run.log_event("info", "twenty steps were done")
        owner.update(step=20, epoch=4.0, last_loss=0.05, best_loss=0.05)
        owner.update(state=state, reason=reason)
        owner.release()
        annotate(run.folder, tags=["example"])
    return server


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    yield context.new_page()
    context.close()


def _open(page: Page, server: Server, name: str) -> None:
    page.goto(f"{server.url}/{name}")
    expect(page.locator(".st-key-steps")).to_be_visible(timeout=PATIENCE)
    page.wait_for_selector(DRAWN, timeout=PATIENCE)
    if name in WITH_CHARTS:
        page.wait_for_selector("[data-live-chart]", timeout=PATIENCE)
    for chart in page.locator("[data-live-chart]").all():
        expect(chart).to_have_attribute("aria-label", re.compile("Chart"), timeout=PATIENCE)
    _settle(page)


def _settle(page: Page) -> None:
    """Until nothing more appears."""
    counts = [-2, -1]
    while counts[-1] != counts[-2]:
        page.wait_for_timeout(700)
        counts.append(page.evaluate(REACHABLE))


def test_every_page_with_runs_on_it_fits_a_phone_and_a_finger(
    furnished: Server, phone: Page
) -> None:
    small = {}
    for name in PAGES:
        _open(phone, furnished, name)
        assert phone.evaluate(STICKING_OUT) <= 0, name
        small[name] = phone.evaluate(TOO_SMALL)
    assert {name: found for name, found in small.items() if found} == {}


@pytest.mark.parametrize("name", PAGES)
def test_tab_reaches_every_control_and_shows_where_it_is(
    furnished: Server, page: Page, name: str
) -> None:
    _open(page, furnished, name)
    # Otherwise a look is that of the first moment of a transition, which nobody sees.
    page.add_style_tag(content="* { transition: none !important; }")
    count = page.evaluate(REACHABLE)
    reached: set[int] = set()
    for _ in range(2 * count + 20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
        if reached >= set(range(count)):
            break
    names = page.evaluate(NAMES)
    assert [names[index] for index in range(count) if index not in reached] == []
    assert page.evaluate(UNSEEN) == []


def test_a_chart_is_moved_and_zoomed_with_keys(furnished: Server, page: Page) -> None:
    _open(page, furnished, "monitor")
    chart = page.locator('[data-live-chart^="loss"]').first
    chart.focus()

    def ends() -> tuple[float, float]:
        found: list[Any] = chart.evaluate("chart => [...chart._fullLayout.xaxis.range]")
        return float(found[0]), float(found[1])

    first = ends()
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    near = ends()
    assert near[1] - near[0] == pytest.approx(0.75 * (first[1] - first[0]))
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert ends()[0] == pytest.approx(near[0] + (near[1] - near[0]) / 10)
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    assert ends() == pytest.approx(first)
