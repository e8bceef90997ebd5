"""Where a run is launched, scripts for clusters, the queue, and processes that do not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.control import Action
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.queue import device_queue
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore, default_root
from aurora_dash.spec import DistributedSpec, RunSpec, TrainingSpec
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.ui.forms import launch
from tests.pages.helpers import TINY_DATA, OpenPage, button, labels, texts

Launches = list[tuple[Run, str]]

WAIT = """
import sys, time
from pathlib import Path
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
with own(Run(Path(sys.argv[1])), kind="process") as owner:
    owner.update(state="running", step=7, total_steps=20)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    """What was launched, and how; nothing really is."""
    given: Launches = []
    monkeypatch.setattr(launch, "launch", lambda run, launcher: given.append((run, launcher)))
    return given


@pytest.fixture
def waiting(store: RunStore) -> Iterator[Callable[[], Run]]:
    """Make runs that this process owns and that stand in the queue of the CPU."""
    owners: list[Owner] = []

    def waiting() -> Run:
        run = store.create(RunSpec(name=f"run {len(owners)}", data=TINY_DATA))
        owners.append(Owner.take(run, state=RunState.QUEUED))
        device_queue().join(run.folder, ["cpu"])
        return run

    yield waiting
    for owner in owners:
        owner.release()


@pytest.fixture
def halted(store: RunStore) -> Iterator[Run]:
    """A run whose trainer, a process of its own, is halted."""
    run = store.create(RunSpec(data=TINY_DATA))
    child = subprocess.Popen([sys.executable, "-c", WAIT, str(run.folder)], stdout=subprocess.PIPE)
    assert child.stdout and child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGSTOP)
    yield run
    child.kill()
    child.communicate()


def _train_page(open_page: OpenPage, **changes: Any) -> AppTest:
    spec = demo().replace(data=TINY_DATA).replace(**changes)
    return open_page("train", draft=DraftStore(default_root()).create(spec).id)


def test_a_run_is_launched_in_processes_of_its_own_if_chosen(
    open_page: OpenPage, store: RunStore, launches: Launches
) -> None:
    app = _train_page(open_page)
    app = app.radio(key="launcher").set_value("process").run()
    button(app, "Launch").click().run()
    assert launches == [(store.list()[0], "process")]


def test_several_processes_are_always_processes_and_several_machines_a_script(
    open_page: OpenPage, store: RunStore, launches: Launches
) -> None:
    training = TrainingSpec(steps=20, accumulate=2)
    app = _train_page(open_page, training=training, distributed=DistributedSpec(processes=2))
    assert "2 processes of their own" in texts(app)
    button(app, "Launch").click().run()
    assert launches == [(store.list()[0], "process")]
    app = _train_page(open_page, training=training, distributed=DistributedSpec(nodes=2))
    assert any("2 machines" in info.value for info in app.info)
    assert "Launch" not in labels(app)


def test_a_script_for_a_cluster_says_what_is_missing_in_it(open_page: OpenPage) -> None:
    app = _train_page(open_page)
    shown = texts(app).replace("\\", "")
    assert "FILL-IN-FOLDER-OF-RUNS" in shown
    app = app.text_input(key="cluster-slurm-runs").set_value("/scratch").run()
    assert "FILL-IN" not in texts(app)
    app = app.segmented_control(key="cluster").set_value("kubernetes").run()
    assert "FILL-IN-CLAIM, FILL-IN-IMAGE" in texts(app).replace("\\", "")
    app = app.text_input(key="cluster-kubernetes-image").set_value("an image").run()
    assert "The cluster's image is 'an image'" in app.error[0].value


def test_the_queue_is_shown_reordered_and_left(
    open_page: OpenPage, waiting: Callable[[], Run]
) -> None:
    first, second, third = waiting(), waiting(), waiting()
    device_queue().begin(first.folder, ["cpu"])
    app = open_page()
    assert "Waiting for a device" in [header.value for header in app.subheader]
    app = app.button(key=f"Sooner-{third.folder}").click().run()
    order = [entry.run_id for entry in device_queue().entries()]
    assert order == [first.id, third.id, second.id]
    app = app.button(key=f"Later-{third.folder}").click().run()
    order = [entry.run_id for entry in device_queue().entries()]
    assert order == [first.id, second.id, third.id]
    app.button(key=f"leave-{second.folder}").click().run()
    assert second.take_requests() == [Action.STOP]


def test_an_empty_queue_is_not_shown(open_page: OpenPage) -> None:
    assert "Waiting for a device" not in [header.value for header in open_page().subheader]


@pytest.mark.slow
def test_a_halted_process_is_shown_and_continued(open_page: OpenPage, halted: Run) -> None:
    app = open_page("monitor", run=halted.id)
    assert "unresponsive" in texts(app)
    assert "was halted (SIGSTOP)" in app.error[0].value
    assert "Pause" not in labels(app)
    button(app, "Continue its process").click().run()
    assert halted.status().state is RunState.RUNNING


@pytest.mark.slow
def test_a_halted_process_can_be_ended(open_page: OpenPage, halted: Run) -> None:
    pid = halted.status().owner.pid
    button(open_page("monitor", run=halted.id), "End it now").click().run()
    os.waitpid(pid, 0)
    assert halted.status().state is RunState.INTERRUPTED
