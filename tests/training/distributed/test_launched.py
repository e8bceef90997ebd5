"""Runs in several processes from the command line, as a person starts, stops and resumes them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aurora_dash.model.saved import find_checkpoint, list_checkpoints, read_meta
from aurora_dash.runs.lock import LockState, probe
from aurora_dash.runs.queue import device_queue
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from tests.training.distributed.conftest import wait_for

pytestmark = pytest.mark.slow

_SET = (
    *("data.demo.height=16", "data.demo.width=16", "data.demo.num_times=14"),
    *("data.demo.levels=[850,500]", "training.device=cpu", "training.threads=1"),
    *("training.batch_size=1", "training.accumulate=2", "distributed.processes=2"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    """Its runs' processes are gone at the end, whatever became of the test."""
    store = RunStore(tmp_path / "runs")
    yield store
    for run in store.list():
        for process in _processes_of(run):
            process.kill()


def _processes_of(run: Run) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if str(run.folder) in (p.info["cmdline"] or [])]


def _dash(store: RunStore, *arguments: object) -> Any:
    """What a command answers."""
    command = [sys.executable, "-m", "aurora_dash", *map(str, arguments)]
    done = subprocess.run(
        [*command, "--runs", store.root, "--json"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _rank(run: Run, number: int) -> psutil.Process:
    """The process of that rank: a worker, not the ``torchrun`` above it."""
    return next(
        process for process in _processes_of(run) if process.environ().get("RANK") == str(number)
    )


def _reaches(run: Run, step: int) -> None:
    wait_for(lambda: run.status().step >= step or not run.status().is_live, f"step {step}")
    assert run.status().is_live, (
        f"{run.status().reason}\n{(run.folder / 'trainer.log').read_text()}"
    )


def _steps(run: Run, split: str) -> list[int]:
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    return [line["step"] for line in lines if line["split"] == split]


def test_split_weights_are_trained_once_evaluated_and_exported(
    store: RunStore, tmp_path: Path
) -> None:
    lengths = ("training.steps=6", "training.validate_every=3", "training.checkpoint_every=3")
    told = _dash(
        store,
        *("train", "demo", "--launcher", "process"),
        *("--set", *_SET, *lengths, "distributed.strategy=fsdp"),
    )
    run = store.get(told["run_id"])
    assert (told["state"], told["steps"]) == ("completed", 6)
    assert _steps(run, "train") == [1, 2, 3, 4, 5, 6]
    assert _steps(run, "validation") == [0, 3, 6]
    checkpoints = list_checkpoints(run.checkpoints_folder)
    assert [path.name for path in checkpoints] == ["step-00000003", "step-00000006"]
    for path in checkpoints:
        assert read_meta(path).is_in_parts
        assert len(list(path.glob("*.distcp"))) == 2
    wait_for(lambda: _processes_of(run) == [], "the end of its processes", 30)
    scores = _dash(store, "evaluate", run.id, "--out", tmp_path / "scores")
    assert {record["source"] for record in scores} >= {"model", "persistence"}
    exported = _dash(store, "export", run.id, "--out", tmp_path / "plain.ckpt")
    assert (tmp_path / "plain.ckpt").stat().st_size > 4 * told["num_parameters"]
    assert exported["checkpoint"] == str(tmp_path / "plain.ckpt")


def test_a_run_in_two_processes_is_stopped_resumed_killed_and_goes_on_in_one(
    store: RunStore,
) -> None:
    lengths = ("training.steps=100000", "training.validate_every=50000")
    saves = ("training.checkpoint_every=5", "training.keep_checkpoints=2")
    run = store.get(
        _dash(store, "train", "demo", "--detach", "--set", *_SET, *lengths, *saves)["run_id"]
    )
    _reaches(run, 6)
    wait_for(
        lambda: {"rss_bytes", "process/1/rss_bytes"} <= set(run.metrics().names()),
        "what both processes take of the machine",
        30,
    )
    (told,) = _dash(store, "runs", "stop", run.id, "--wait", 60)
    assert told["state"] == "stopped"
    last = find_checkpoint(run.checkpoints_folder, "last")
    assert last.name == f"step-{told['steps']:08d}"

    for lost in (1, 0):
        _dash(store, "runs", "resume", run.id, "--detach")
        _reaches(run, run.status().step + 6)
        process = _rank(run, lost)
        process.send_signal(signal.SIGKILL)
        wait_for(lambda: probe(run.folder) is LockState.FREE, "the end of the run", 60)
        status = run.status()
        assert status.state is RunState.FAILED
        assert f"{process.pid}" in status.reason
        assert f"Process {lost} of 2" in status.reason or f"(rank {lost})" in status.reason
        assert "Resume" in status.remedy
        wait_for(lambda: _processes_of(run) == [], "the end of its processes", 30)
        assert device_queue().entries() == ()

    reached = max(_steps(run, "train"))
    alone = ("distributed.processes=1", f"training.steps={reached + 2}")
    told = _dash(store, "runs", "resume", run.id, "--yes", "--set", *alone)
    assert (told["state"], told["steps"]) == ("completed", reached + 2)
    assert run.metrics().column("step").tolist() == list(range(1, reached + 3))
    assert any("resumed from step-" in str(event["message"]) for event in run.events())
