from __future__ import annotations

import json

import pytest
import torch

from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.training import record
from aurora_dash.training.control import Control
from aurora_dash.training.record import DownloadProgress, Recorder
from aurora_dash.training.room import PatientRun, Room

CPU = torch.device("cpu")


def _recorder(run, owner, metrics) -> Recorder:
    patient = PatientRun(run.folder)
    room = Room(patient, owner, Control(patient, owner, lambda: False))
    return Recorder(metrics, owner, room, 10, CPU)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told."""
    now = [100.0]
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])
    return now


def test_every_step_is_recorded_and_the_status_now_and_then(run, clock) -> None:
    with own(run) as owner, MetricsWriter(run.metrics_path) as metrics:
        recorder = _recorder(run, owner, metrics)
        for step in range(1, 5):
            clock[0] += 0.2
            recorder.train(step, step / 4, {"loss": 1.0 / step}, pace=2.0)
        # Told at once, then half a second later.
        assert owner.status.step == 4
        assert owner.status.last_loss == 0.25
        assert owner.status.seconds_left == 12.0
        clock[0] += 0.1
        recorder.train(5, 1.25, {"loss": 0.2}, pace=None)
        assert owner.status.step == 4
        recorder.train(10, 2.5, {"loss": 0.1}, pace=None)
        assert (owner.status.step, owner.status.seconds_left) == (10, None)
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 10]
    assert all(isinstance(line["memory_bytes"], int) for line in lines)


def test_a_validation_is_recorded_with_the_best_loss_in_the_status(run) -> None:
    with own(run) as owner, MetricsWriter(run.metrics_path) as metrics:
        _recorder(run, owner, metrics).validation(3, 0.5, {"loss": float("nan")}, 0.4)
        assert owner.status.best_loss == 0.4
    line = json.loads(run.metrics_path.read_text())
    assert (line["split"], line["loss"], line["nonfinite"]) == ("validation", None, ["loss"])


def test_a_download_shows_in_the_status(run, clock) -> None:
    with own(run) as owner:
        progress = DownloadProgress(owner)
        progress(2**29, 2**30)
        assert owner.status.waiting_for.endswith("50% of 1.00 GiB")
        progress(2**29 + 1, 2**30)
        progress(2**30, 2**30)
        assert owner.status.waiting_for.endswith("100% of 1.00 GiB")
        clock[0] += 1
        progress(77, 0)
        assert owner.status.waiting_for.endswith("77 bytes")
