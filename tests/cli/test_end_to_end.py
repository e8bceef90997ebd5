"""The command line with the real engine, in processes of its own: train, kill, resume, judge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dash.evaluation.job import list_evaluations
from aurora_dash.evaluation.status import EvaluationState
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore

pytestmark = pytest.mark.slow

QUICK = (
    *("data.demo.height=16", "data.demo.width=32", "data.demo.num_times=20"),
    *("data.demo.levels=[850,500]", "training.batch_size=1", "training.validate_every=10"),
)


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aurora_dash", *map(str, arguments), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _finish(process: subprocess.Popen[str], code: int = 0) -> Any:
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return json.loads(out)


def _only_run(store: RunStore, ready: Callable[[Run], bool]) -> Run:
    deadline = time.monotonic() + 120
    while not (runs := store.list()) or not ready(runs[0]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return runs[0]


def test_train_evaluate_and_visualize(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    options = ("--runs", store.root)
    trained = _finish(_start("train", "demo", *options, "--set", *QUICK, "training.steps=20"))
    run = store.get(trained["run_id"])
    assert trained["state"] == "completed"
    losses = run.metrics().column("loss")
    assert losses.shape == (20,)
    assert trained["final_loss"] == losses[-1]
    assert trained["best_training_loss"] == losses.min()
    assert np.median(losses[-5:]) < np.median(losses[:5])

    records = _finish(_start("evaluate", run.id, *options, "--out", tmp_path / "scores"))
    assert json.loads((tmp_path / "scores" / "scores.json").read_text()) == records
    assert {record["source"] for record in records} == {"model", "persistence", "initial"}
    rmse = {
        record["source"]: record["value"]
        for record in records
        if (record["variable"], record["level"], record["metric"]) == ("t", 850, "rmse")
    }
    assert rmse["model"] < rmse["initial"]

    told = _finish(_start("report", tmp_path / "scores", *options, "--out", tmp_path / "card.md"))
    assert told["path"] == str(tmp_path / "card.md")
    assert all(Path(path).stat().st_size for path in told["files"])

    # Without --out it lies where the dashboard looks; the leads asked for reach beyond the data.
    kept = ("--split", "validation", "--variables", "2t", "--leads", 9,
            "--report", tmp_path / "r.html")  # fmt: skip
    text = subprocess.run(
        [sys.executable, "-m", "aurora_dash", *map(str, ("evaluate", run.id, *options, *kept))],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    [status] = list_evaluations(run)
    assert status.state is EvaluationState.COMPLETED
    assert "validation samples" in text.stdout
    assert "9 lead times were asked for; the data reaches" in text.stderr
    assert "validation" in (tmp_path / "r.html").read_text()

    picture = tmp_path / "t.png"
    told = _finish(
        _start("visualize", run.id, *options, "--var", "t", "--level", 850, "--output", picture)
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert told["labels"] == ["synthetic data", "random weights"]
    refused = _start("visualize", run.id, *options, "--var", "rain", "--output", picture)
    assert "rain" in _finish(refused, code=2)["error"]


def test_a_killed_run_is_resumed_and_then_stopped_with_ctrl_c(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    options = ("--runs", store.root)
    process = _start(
        *("train", "demo", *options, "--set", *QUICK),
        *("training.steps=100000", "training.checkpoint_every=5"),
    )
    run = _only_run(store, lambda run: run.metrics().num_rows() >= 12)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert run.status().state is RunState.INTERRUPTED
    reached = run.metrics().num_rows()

    resumed = _start("runs", "resume", run.id, *options)
    _only_run(store, lambda run: run.metrics().num_rows() >= reached + 10)
    assert run.status().owner.pid == resumed.pid
    resumed.send_signal(signal.SIGINT)
    told = _finish(resumed, 130)
    assert told["state"] == "stopped"
    assert told["steps"] == run.metrics().num_rows()
    assert any("resumed from step-" in event["message"] for event in run.events())
    assert f"step-{told['steps']:08d}" in {p.name for p in run.checkpoints_folder.iterdir()}
    np.testing.assert_array_equal(run.metrics().column("step"), np.arange(1, told["steps"] + 1))


def test_a_replay_training_is_a_few_assignments(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    rollout = ("rollout.kind=replay", "rollout.steps=4", "rollout.curriculum=[[5,2]]")
    trained = _finish(
        _start(
            *("train", "demo", "--runs", store.root),
            *("--set", *QUICK, "training.steps=20", *rollout, "rollout.refresh_every=4"),
        )
    )
    assert trained["state"] == "completed"
    table = store.get(trained["run_id"]).metrics()
    leads = {f"lead_loss/{hours}" for hours in (6, 12, 18, 24)}
    assert leads == {name for name in table.names("validation") if name.startswith("lead_loss/")}
    longest = table.column("lead_loss/24")
    assert np.isnan(longest[:5]).all()
    assert np.isfinite(longest).any()
