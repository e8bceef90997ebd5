"""Commands that launch, queue, halt and end runs, with really separate processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.queue import device_queue
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from tests.runs import standin


@pytest.fixture
def trainers(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are launched train with the stand-in, as the name of their spec says."""
    monkeypatch.setenv("PYTHONPATH", str(standin.folder(tmp_path / "standin", repository)))


@pytest.fixture
def owned(store: RunStore) -> Iterator[Callable[[], Run]]:
    """Make runs that this process owns and that stand in the queue."""
    owners: list[Owner] = []

    def owned() -> Run:
        run = store.create(demo())
        owners.append(Owner.take(run, state=RunState.QUEUED))
        device_queue().join(run.folder, ["cpu"])
        return run

    yield owned
    for owner in owners:
        owner.release()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_to_detach_from_ones_own_process_is_refused(cli, store: RunStore) -> None:
    outcome = cli("train", "demo", "--launcher", "foreground", "--detach")
    assert outcome.code == 2
    assert "Choose one of the two" in outcome.err
    assert store.list() == []


@pytest.mark.parametrize("options", [[], ["--launcher", "foreground"], ["--detach"]])
def test_what_cannot_be_started_here_makes_no_run(cli, store: RunStore, options: list[str]) -> None:
    nodes = ["--set", "distributed.nodes=2", "training.accumulate=2"]
    outcome = cli("train", "demo", *options, *nodes)
    assert outcome.code == 2
    assert "for 2 nodes" in outcome.err and "runs script" in outcome.err
    processes = ["--set", "distributed.processes=2", "training.accumulate=2"]
    outcome = cli("train", "demo", "--launcher", "foreground", *processes)
    assert outcome.code == 2
    assert "for 2 processes" in outcome.err
    assert store.list() == []


def test_the_queue_is_listed_and_a_place_is_changed(cli, owned: Callable[[], Run]) -> None:
    first, second, third = owned(), owned(), owned()
    device_queue().begin(first.folder, ["cpu"])
    document = cli("runs", "queue", third.id, "--place", "1", "--json").document
    assert [(item["run_id"], item["place"], item["trains"]) for item in document] == [
        (first.id, None, True),
        (third.id, 1, False),
        (second.id, 2, False),
    ]
    assert f"cpu     trains  {first.id}" in cli("runs", "queue").out
    assert cli("runs", "queue", third.id).code == 2
    assert "does not wait" in cli("runs", "queue", first.id, "--place", "2").err


def test_an_empty_queue_says_so(cli) -> None:
    assert cli("runs", "queue").out == "No run has or awaits a device.\n"


@pytest.mark.slow
def test_a_detached_run_goes_on_alone_and_is_stopped_by_another_command(
    cli, store: RunStore, trainers: None
) -> None:
    outcome = cli("train", "demo", "--detach", "--set", "name=loop", "training.device=cpu")
    assert outcome.code == 0
    (run,) = store.list()
    _until(lambda: run.status().state is RunState.RUNNING)
    outcome = cli("runs", "stop", run.id, "--wait", "20", "--json")
    assert [summary["state"] for summary in outcome.document] == ["stopped"]


@pytest.mark.slow
def test_a_run_in_processes_of_its_own_is_watched_to_its_end(
    cli, store: RunStore, trainers: None
) -> None:
    outcome = cli(
        *("train", "demo", "--launcher", "process", "--json"),
        *("--set", "name=short", "training.device=cpu"),
    )
    assert (outcome.code, outcome.document["state"]) == (0, "completed")
    (run,) = store.list()
    assert run.status().owner.kind == "process"
    outcome = cli(
        *("runs", "resume", run.id, "--launcher", "process", "--json", "--yes"),
        *("--set", "name=exit", "training.steps=300"),
    )
    assert (outcome.code, outcome.document["state"]) == (1, "failed")
    assert "exit code 3" in outcome.document["reason"]


@pytest.mark.slow
def test_a_halted_process_is_resumed_and_one_that_does_not_stop_is_ended(
    cli, store: RunStore, trainers: None
) -> None:
    cli("train", "demo", "--detach", "--set", "name=deaf", "training.device=cpu")
    (run,) = store.list()
    _until(lambda: run.status().state is RunState.RUNNING)
    os.kill(run.status().owner.pid, signal.SIGSTOP)
    assert "unresponsive" in cli("runs", "list").out
    assert cli("runs", "resume", run.id).code == 0
    _until(lambda: run.status().state is RunState.RUNNING)
    outcome = cli("runs", "stop", run.id, "--wait", "0.2", "--force", "--json")
    (summary,) = outcome.document
    assert summary["state"] in ("interrupted", "failed")
    assert outcome.code == 0


@pytest.mark.slow
def test_ctrl_c_asks_the_processes_to_stop_and_waits_for_them(
    store: RunStore, trainers: None
) -> None:
    command = [sys.executable, "-m", "aurora_dash", "train", "demo", "--launcher", "process"]
    child = subprocess.Popen([*command, "--set", "name=loop", "training.device=cpu"])
    _until(lambda: any(run.status().state is RunState.RUNNING for run in store.list()))
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) == 130
    (run,) = store.list()
    assert run.status().state is RunState.STOPPED
