"""The server ends, politely or not, while runs load, validate, wait or train."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from aurora_dash.presets import get_preset
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.ui.drafts import DraftStore
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture
def served(own_server: Server) -> Iterator[Server]:
    """A server that is to end, and the end of what it left training in processes of its own, which
    would outlive a test that fails."""
    yield own_server
    left = [run for run in RunStore(own_server.runs).list() if run.status().is_live]
    for run in left:
        run.request("stop")
    _until(lambda: not any(run.status().is_live for run in left), "the end of what trained")


def _press(page: Page, name: str, heard: Callable[[], bool]) -> None:
    """Press a button until it is heard: what a page draws above one while it opens moves it away
    from under the pointer."""
    button = page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True)
    for _ in range(3):
        if button.is_enabled():
            button.click()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if heard():
                return
            page.wait_for_timeout(20)
    raise AssertionError(f"{name} was pressed three times and not heard")


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def _stop_was_asked(run: Run) -> bool:
    """Whether a stop was asked for, taken already or not."""
    events = (json.loads(line) for line in run.events_path.read_text("utf-8").splitlines())
    return any(event.get("action") == "stop" for event in events)


def _launched(served: Server, page: Page, *changes: str) -> Run:
    """A run of the demo, launched in the server from its page."""
    spec = get_preset("demo").with_overrides(["training.device=cpu", *changes])
    run = RunStore(served.runs).create(spec)
    page.goto(f"{served.url}/monitor?run={run.id}")
    _press(page, "Launch", lambda: run.status().owner is not None)
    return run


# So much data that opening it, and the validation before the first step, take their time.
@pytest.mark.parametrize(("moment", "times"), [("starting", 3000), ("validating", 800)])
def test_a_server_that_is_asked_to_end_lets_go_of_what_loads_validates_and_waits(
    served: Server, page: Page, moment: str, times: int
) -> None:
    run = _launched(served, page, f"data.demo.num_times={times}")
    queued = _launched(served, page)
    assert queued.status().state is RunState.QUEUED
    if moment == "starting":
        assert run.status().state is RunState.STARTING
    else:
        _until(lambda: run.status().state is RunState.RUNNING, "the run")
    page.goto("about:blank")
    assert served.stop() == 0, served.log.read_text()[-2000:]
    assert [run.status().state, queued.status().state] == [RunState.INTERRUPTED] * 2
    assert run.status().reason == "The server was stopped."
    assert "before this run's turn came" in queued.status().reason
    assert run.metrics().column("loss", "validation").size == 0
    assert all(run.status().is_launchable for run in (run, queued))


def test_a_server_that_is_killed_leaves_its_processes_training_and_a_new_one_finds_them(
    served: Server, page: Page
) -> None:
    spec = get_preset("demo").with_overrides(["training.device=cpu", "training.steps=20000"])
    draft = DraftStore(served.runs).create(spec.replace(name="alone"))
    page.goto(f"{served.url}/train?draft={draft.id}")
    page.get_by_text("In processes of its own").click()
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url("**/monitor?**")
    (run,) = RunStore(served.runs).list()
    queued = _launched(served, page)
    _until(lambda: run.status().step >= 3, "some steps")
    assert f"behind {run.id}" in queued.status().waiting_for
    page.goto("about:blank")

    served.stop(signal.SIGKILL)
    killed = time.monotonic()
    _until(lambda: queued.status().state is RunState.INTERRUPTED, "the queued run's true state")
    assert time.monotonic() - killed < 10
    step = run.status().step
    _until(lambda: run.status().step > step, "the trainer to go on")

    served.start()
    page.goto(f"{served.url}/monitor?run={run.id}")
    expect(page.get_by_text("running").first).to_be_visible()
    _press(page, "Stop", lambda: _stop_was_asked(run))
    _until(lambda: not run.status().is_live, "the end")
    assert run.status().state is RunState.STOPPED
    assert list(run.checkpoints_folder.glob("step-*"))
    expect(page.get_by_role("button", name="Resume from step")).to_be_visible()
