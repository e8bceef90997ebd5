"""A person goes from the first page to the maps, in a real browser on a real server."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from aurora_dash.presets import get_preset
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from tests.browser.serving import REPOSITORY, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]

CHART = """key => {
  const chart = document.querySelector(`[data-live-chart^="${key}"]`);
  if (!chart || !chart._fullData) return null;
  const steps = chart._fullData.flatMap(trace => Array.from(trace.x ?? []));
  return { newest: Math.max(...steps), range: [...chart._fullLayout.xaxis.range] };
}"""


def _wait_for(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)


def _newest_step(page: Page, chart: str = "loss") -> float:
    seen = page.evaluate(CHART, chart)
    return float(seen["newest"]) if seen else -1.0


def _run_in_url(server: Server, page: Page) -> Run:
    found = re.search(r"[?&]run=([^&]+)", page.url)
    assert found, page.url
    return RunStore(server.runs).get(found[1])


def _launch_long_run(server: Server, page: Page) -> Run:
    """A run of the demo with more steps than a test waits for, launched from its page."""
    spec = get_preset("demo").with_overrides(["training.steps=20000", "name=long"])
    run = RunStore(server.runs).create(spec)
    page.goto(f"{server.url}/monitor?run={run.id}")
    page.get_by_role("button", name="Launch", exact=True).click()
    return run


def _picture(page: Page, name: str) -> None:
    """Refresh a screenshot of the README, when asked to."""
    if os.environ.get("AURORA_DASH_SCREENSHOTS"):
        page.screenshot(path=REPOSITORY / "docs" / "images" / f"{name}.png")


def _step_link(page: Page, title: str) -> None:
    page.locator(".st-key-steps").get_by_role("link", name=title).click()


def _next(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"Next: {title}").click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()


def test_the_demo_is_one_click_from_training_and_ends_in_maps(server: Server, page: Page) -> None:
    page.goto(server.url)
    expect(page.get_by_text("This machine", exact=True)).to_be_visible()
    page.get_by_role("button", name="Train the demo now").click()

    # Live: the chart's newest step advances while the page is only looked at.
    page.wait_for_url(re.compile(r"/monitor\?.*run="))
    run = _run_in_url(server, page)
    _wait_for(lambda: _newest_step(page) >= 3, "the first steps on the chart")
    seen = _newest_step(page)
    _wait_for(lambda: _newest_step(page) >= seen + 3, "the chart's newest step to advance")
    expect(page.get_by_text("synthetic data").first).to_be_visible()
    expect(page.get_by_text("random weights").first).to_be_visible()

    # A refresh changes nothing.
    page.reload()
    _wait_for(lambda: _newest_step(page) > seen, "the chart after a refresh")
    _wait_for(lambda: _newest_step(page) >= 30, "enough of a curve for the picture")
    _picture(page, "monitor")

    _wait_for(lambda: run.status().state is RunState.COMPLETED, "the demo to complete", 240)
    expect(page.get_by_text("Training is complete")).to_be_visible()
    loss = run.metrics().column("loss", "train")
    assert float(np.median(loss[-5:])) < 0.8 * float(np.median(loss[:5]))

    # Maps: prediction, target and error in physical units, working without internet.
    page.get_by_role("button", name="Evaluate & maps").click()
    page.wait_for_url(re.compile("/evaluate"))
    page.get_by_role("button", name="Evaluate", exact=True).click()
    views = page.locator(".st-key-view")
    expect(views).to_be_visible(timeout=120_000)
    views.get_by_text("Maps", exact=True).click()
    maps = page.locator('[data-map-canvas^="maps"][data-shown]')
    expect(maps).to_be_visible(timeout=120_000)
    for title in ("Prediction", "Target", "Prediction − target"):
        expect(maps.locator("figure").filter(has_text=title).first).to_be_visible()
    assert maps.locator("canvas.aurora-map-canvas").count() >= 3
    maps.scroll_into_view_if_needed()
    _picture(page, "maps")

    with page.expect_download() as download:
        page.get_by_role("button", name="PNG", exact=True).click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    views.get_by_text("Table", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="All scores as JSON").click()
    records = json.loads(Path(download.value.path()).read_text())
    assert {record["source"] for record in records} == {"model", "persistence", "initial"}


def test_zoom_is_kept_and_a_second_browser_sees_and_steers_the_same(
    server: Server, page: Page, browser: Browser
) -> None:
    run = _launch_long_run(server, page)
    _wait_for(lambda: _newest_step(page) >= 10, "a curve to zoom into")
    page.evaluate(
        """() => {
          const chart = document.querySelector('[data-live-chart^="loss"]');
          window.kept = chart;
          return Plotly.relayout(chart, {'xaxis.range': [2, 8]});
        }"""
    )
    seen = _newest_step(page)
    _wait_for(lambda: _newest_step(page) >= seen + 5, "refreshes after the zoom")
    assert page.evaluate(CHART, "loss")["range"] == [2, 8]
    assert page.evaluate(
        """() => document.querySelector('[data-live-chart^="loss"]') === window.kept"""
    )

    other = browser.new_context().new_page()
    other.goto(page.url)
    _wait_for(lambda: _newest_step(other) >= seen, "the same run in another browser")

    # Pause holds the step, go on continues, stop ends with a checkpoint: seen in both.
    page.get_by_role("button", name="Pause").click()
    _wait_for(lambda: run.status().state is RunState.PAUSED, "the run to pause")
    held = run.status().step
    expect(other.get_by_role("button", name="Go on")).to_be_visible()
    assert run.status().step == held
    other.get_by_role("button", name="Go on").click()
    _wait_for(lambda: run.status().step > held, "the run to go on")
    other.get_by_role("button", name="Stop").click()
    _wait_for(lambda: not run.status().is_live, "the run to stop", 30)
    other.context.close()
    assert run.status().state is RunState.STOPPED
    assert list(run.checkpoints_folder.glob("step-*"))
    expect(page.get_by_role("button", name=re.compile("Resume from step"))).to_be_visible()


def test_a_registered_variable_is_computed_from_the_data_and_trained(
    server: Server, page: Page
) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Set up a fine-tuning").click()
    expect(page.get_by_role("heading", name="Model", exact=True)).to_be_visible()
    _next(page, "Data")
    _next(page, "Variables")
    page.get_by_role("combobox", name=re.compile("Variable")).first.click()
    page.get_by_role("option", name=re.compile("tcwv")).click()
    page.get_by_role("button", name="Compute from the data").click()
    expect(page.get_by_label("Mean", exact=True)).not_to_have_value("")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("tcwv is registered").first).to_be_visible()
    _next(page, "Train")
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile(r"/monitor\?.*run="))
    run = _run_in_url(server, page)
    _wait_for(lambda: _newest_step(page, "norm") >= 2, "gradient norms on the chart")
    (variable,) = run.spec().variables
    assert (variable.name, variable.group) == ("tcwv", "surface")
    assert isinstance(variable.mean, float)
    assert isinstance(variable.std, float)
    table = run.metrics()
    assert "grad_norm/new_embeddings" in table.names()
    assert "loss/tcwv" in table.names()
    page.get_by_role("button", name="Stop").click()
    _wait_for(lambda: not run.status().is_live, "the run to stop", 30)


def test_files_that_cannot_train_are_explained_and_not_launchable(
    server: Server, page: Page, western_usa_file: Path, norway_files: tuple[Path, Path]
) -> None:
    page.goto(f"{server.url}/data")
    page.get_by_text("Files", exact=True).click()
    box = page.get_by_role("textbox", name=re.compile("Files, folders or patterns"))
    box.fill(str(western_usa_file))
    box.press("Control+Enter")
    expect(page.get_by_text(re.compile("surface", re.IGNORECASE)).first).to_be_visible()
    expect(page.get_by_text(re.compile("pressure level")).first).to_be_visible()
    _step_link(page, "Train")
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_disabled()

    _step_link(page, "Data")
    box.fill("\n".join(str(path) for path in norway_files))
    box.press("Control+Enter")
    expect(page.get_by_text("60 × 60", exact=True)).to_be_visible()
    _step_link(page, "Train")
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_enabled()


def test_a_stopped_server_keeps_the_run_and_offers_the_way_on(server: Server, page: Page) -> None:
    run = _launch_long_run(server, page)
    address = page.url
    _wait_for(lambda: run.status().step >= 5, "some steps")
    page.goto("about:blank")

    assert server.stop() == 0, server.log.read_text()[-2000:]
    status = run.status()
    assert status.state is RunState.INTERRUPTED
    assert list(run.checkpoints_folder.glob("step-*"))
    saved = status.step

    server.start()
    page.goto(address)
    expect(page.get_by_text("interrupted").first).to_be_visible()
    page.get_by_role("button", name=re.compile("Resume from step")).click()
    _wait_for(lambda: run.status().step > saved, "the resumed run to go on")
    page.get_by_role("button", name="Stop").click()
    _wait_for(lambda: not run.status().is_live, "the run to stop", 30)
    steps = run.metrics().column("step", "train")
    assert list(steps) == sorted(set(steps)), "steps recorded twice or out of order"
