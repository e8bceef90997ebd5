"""Runs beside each other in a real browser, and the address that holds the whole view."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import OptimiserSpec, RunSpec, TrainingSpec
from tests.browser.serving import Server
from tests.pages.helpers import TINY_DATA, record

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_CURVES = """() => {
  const chart = document.querySelector('[data-live-chart^=compare-]');
  return (chart?._fullData ?? []).map((trace) => [trace.name, trace.line.width]);
}"""
_RATES = {"slow": 1e-5, "usual": 1e-4, "fast": 1e-3}


@pytest.fixture
def runs(own_server: Server) -> dict[str, Run]:
    """Three complete runs that differ in the learning rate, by name."""
    return {name: _run(own_server, name, rate) for name, rate in _RATES.items()}


def _run(server: Server, name: str, rate: float) -> Run:
    spec = RunSpec(
        name=name,
        data=TINY_DATA,
        training=TrainingSpec(steps=20),
        optimiser=OptimiserSpec(lr=rate),
    )
    run = RunStore(server.runs).create(spec)
    with own(run) as owner, MetricsWriter(run.metrics_path) as metrics:
        owner.update(state=RunState.RUNNING, device="cpu", total_steps=20)
        for step in range(1, 21):
            metrics.write(record(step, loss=rate**0.1 / step))
        for step in (10, 20):
            metrics.write({"step": step, "split": "validation", "loss": rate**0.1 / step})
        owner.update(step=20, last_loss=0.1, best_loss=rate**0.1 / 20, state=RunState.COMPLETED)
    return run


def _curves(page: Page, count: int) -> dict[str, float]:
    """Width of the lines by run, once there are so many."""
    page.wait_for_function(f"({_CURVES})().length === {count}")
    return dict(page.evaluate(_CURVES))


def _open(page: Page, heading: str) -> None:
    """Open what lies under a heading, and wait until it has unfolded: it moves what is below."""
    page.get_by_text(heading).click()
    page.wait_for_timeout(1_000)


def _asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def test_runs_are_laid_over_each_other_and_the_address_shows_a_colleague_the_same(
    own_server: Server, runs: dict[str, Run], page: Page, browser: Browser
) -> None:
    chosen = "&".join(f"runs={run.id}" for run in runs.values())
    page.goto(f"{own_server.url}/compare?{chosen}")
    widths = _curves(page, 3)
    assert sorted(widths) == sorted(runs)

    page.get_by_role("combobox", name="Baseline").click()
    page.get_by_role("option", name="usual").click()
    page.wait_for_url("**baseline=*")
    page.wait_for_function(f"new Set(({_CURVES})().map(([, width]) => width)).size === 2")
    page.get_by_text("Logarithmic").click()
    page.get_by_role("radio", name="Epoch").click()
    page.get_by_placeholder("optimiser.lr<1e-4").fill("optimiser.lr>1e-4")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 run of 3; 3 compared")).to_be_visible()
    asked = _asked(page)
    assert asked["baseline"] == ["usual"]
    assert (asked["log"], asked["along"]) == (["true"], ["Epoch"])

    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    theirs = context.new_page()
    theirs.goto(page.url)
    assert _curves(theirs, 3) == _curves(page, 3)
    chart = "document.querySelector('[data-live-chart^=compare-]')._fullLayout"
    theirs.wait_for_function(f"{chart}.yaxis.type === 'log'")
    assert theirs.evaluate(f"{chart}.xaxis.title.text") == "Epoch"
    expect(theirs.get_by_text("1 run of 3; 3 compared")).to_be_visible()
    context.close()


def test_a_run_is_left_out_deleted_and_brought_back(
    own_server: Server, runs: dict[str, Run], page: Page
) -> None:
    chosen = "&".join(f"runs={run.id}" for run in runs.values())
    page.goto(f"{own_server.url}/compare?{chosen}")
    _curves(page, 3)
    _open(page, "fast · completed")
    page.get_by_role("button", name="Leave out").click()
    assert sorted(_curves(page, 2)) == ["slow", "usual"]
    assert _asked(page)["runs"] == [runs["slow"].id, runs["usual"].id]

    _open(page, "slow · completed")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("slow was deleted")).to_be_visible()
    assert list(_curves(page, 1)) == ["usual"]
    assert not runs["slow"].folder.exists()
    _open(page, "Deleted runs (1)")
    page.get_by_role("button", name=f"Bring back {runs['slow'].id}").click()
    expect(page.get_by_text(f"{runs['slow'].id} is back.")).to_be_visible()
    assert runs["slow"].spec().name == "slow"


def test_another_like_it_is_set_up_with_its_settings(
    own_server: Server, runs: dict[str, Run], page: Page
) -> None:
    page.goto(f"{own_server.url}/compare?runs={runs['fast'].id}")
    _curves(page, 1)
    _open(page, "fast · completed")
    page.get_by_role("button", name="Set up another like it").click()
    page.wait_for_url("**/train?**")
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    assert "draft" in _asked(page)
    rate = page.get_by_label("Learning rate", exact=True).first
    expect(rate).to_have_value("0.001")
