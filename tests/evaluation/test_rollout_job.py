"""Rollouts in the background: what they leave on disk, how they stop, end and go on."""

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
import xarray as xr

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.maps.opening import stored_forecasts
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.rollout_job import (
    forecast_path,
    get_rollout,
    list_rollouts,
    resume_rollout,
    rollout_folder,
    start_rollout,
    stop_rollout,
)
from aurora_dash.evaluation.status import EvaluationState, RolloutStatus
from aurora_dash.presets import demo
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return RunStore(tmp_path / "runs").create(demo())


class Roller:
    """Makes steps by the clock, remembers where it was, and stops when asked."""

    def __init__(self, steps: int, until: int | None = None) -> None:
        self.steps, self.until = steps, until
        self.paths: list[Path] = []

    def __call__(self, request: RolloutRequest, path: Path, **options: Any) -> None:
        self.paths.append(path)
        done = int(path.read_text()) if path.exists() else 0
        options["progress"](done, self.steps)
        while done < self.steps:
            if options["should_stop"]():
                raise EvaluationError(f"The rollout was stopped after {done} steps.")
            if done == self.until:
                time.sleep(0.01)
                continue
            done += 1
            path.write_text(str(done))
            options["progress"](done, self.steps)


def _wait(run: Run, rollout_id: str, when: Callable[[RolloutStatus], bool]) -> RolloutStatus:
    deadline = time.monotonic() + 60
    while not when(status := get_rollout(run, rollout_id)):
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    return status


def _state(state: EvaluationState) -> Callable[[RolloutStatus], bool]:
    return lambda status: status.state is state


def test_what_was_stopped_goes_on_with_the_same_request_and_file(run: Run) -> None:
    request = RolloutRequest(run=run.id, leads=3, max_starts=2)
    roller = Roller(6, until=4)
    started = start_rollout(run, request, file_format="nc", roll_out=roller)
    path = rollout_folder(run, started) / "forecast.nc"
    _wait(run, started, lambda status: path.exists() and path.read_text() == "4")
    assert get_rollout(run, started).state is EvaluationState.RUNNING
    with pytest.raises(EvaluationError, match="is under way"):
        resume_rollout(run, started, roll_out=roller)
    stop_rollout(run, started)
    status = _wait(run, started, _state(EvaluationState.STOPPED))
    assert status.reason == "The rollout was stopped after 4 steps."
    with pytest.raises(EvaluationError, match="nothing to stop"):
        stop_rollout(run, started)

    roller.until = None
    resume_rollout(run, started, roll_out=roller)
    status = _wait(run, started, _state(EvaluationState.COMPLETED))
    assert (status.done, status.total, status.reason) == (6, 6, "")
    assert status.request == request
    assert roller.paths == [path, path]
    assert forecast_path(run, status) == path
    with pytest.raises(EvaluationError, match=r"can't go on: it is completed"):
        resume_rollout(run, started, roll_out=roller)


def test_a_damaged_status_is_told_and_can_not_go_on(run: Run) -> None:
    folder = run.forecast_folder / "20260101-000000-abcd"
    folder.mkdir(parents=True)
    (folder / "status.json").write_text('{"id": "to')
    [status] = list_rollouts(run)
    assert status.state is EvaluationState.FAILED
    with pytest.raises(EvaluationError, match=r"can't go on"):
        resume_rollout(run, status.id)
    with pytest.raises(EvaluationError, match=r"has no rollout '\.\.'"):
        get_rollout(run, "..")


def test_forecasts_that_a_shell_wrote_there_are_no_rollouts_of_the_page(run: Run) -> None:
    (run.forecast_folder / "mine.zarr").mkdir(parents=True)
    assert list_rollouts(run) == []


def test_the_request_of_another_run_is_refused(run: Run) -> None:
    with pytest.raises(EvaluationError, match="another-run"):
        start_rollout(run, RolloutRequest(run="another-run"), roll_out=Roller(1))


_SERVER = """
import sys, time
from pathlib import Path
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.rollout_job import start_rollout
from aurora_dash.runs.store import Run
run = Run(Path(sys.argv[1]))
request = RolloutRequest(run=run.id, device="cpu", leads=6)
print(start_rollout(run, request, file_format="nc"), flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_forecasts_of_a_server_that_was_killed_are_interrupted_and_go_on(
    make_run: Any, small_spec: RunSpec
) -> None:
    run = make_run(small_spec)
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(run.folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert server.stdout is not None
        rollout_id = server.stdout.readline().strip()
        _wait(run, rollout_id, lambda status: status.done >= 4)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    status = get_rollout(run, rollout_id)
    assert status.state is EvaluationState.INTERRUPTED
    assert f"process {server.pid}" in status.reason
    assert 4 <= status.done < status.total == 9 * 6
    recorded = json.loads((rollout_folder(run, rollout_id) / "status.json").read_text())
    assert recorded["state"] == "running"

    resume_rollout(run, rollout_id)
    status = _wait(run, rollout_id, lambda status: not status.state.is_live)
    assert status.state is EvaluationState.COMPLETED, status.reason
    assert stored_forecasts(run) == (forecast_path(run, status),)
    with xr.open_dataset(forecast_path(run, status)) as found:
        assert (found.sizes["time"], found.sizes["prediction_timedelta"]) == (9, 6)
        assert all(bool(np.isfinite(found[name]).all()) for name in ("t2m", "q"))
