"""Disks that are really full: small file systems of their own, filled to the last byte."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import DiskFullError, RunError
from aurora_dash.model.saved import list_checkpoints
from aurora_dash.runs.alerts import Noticed, noticed
from aurora_dash.runs.control import Action
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.training import room
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.control import Control
from aurora_dash.training.engine import train
from aurora_dash.training.room import PatientRun, Room

MIB = 2**20


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch) -> None:
    monkeypatch.setattr(room, "_POLL_SECONDS", 0.02)


def _fill(disk: Path) -> Path:
    """Take all that is free."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
    return filler


def _until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.005)


def _disk_full(run: Run) -> Noticed:
    """The alert; a rule of health warns of little room besides."""
    (entry,) = (e for e in noticed(run.events()) if e.alert.rule == "disk_full")
    return entry


def _started(run: Run) -> threading.Thread:
    thread = threading.Thread(target=train, args=(run,), daemon=True)
    thread.start()
    return thread


def _room(run: Run, owner) -> tuple[PatientRun, Room]:
    patient = PatientRun(run.folder)
    return patient, Room(patient, owner, Control(patient, owner, lambda: False))


@pytest.mark.slow
def test_a_checkpoint_without_room_pauses_the_run_and_is_written_later(
    small_disk, store, spec
) -> None:
    spec = spec.with_overrides(["training.checkpoint_every=2", "training.keep_checkpoints=1"])
    whole = store.create(spec)
    train(whole)
    size = sum(f.stat().st_size for f in (whole.checkpoints_folder / "step-00000006").iterdir())
    disk = small_disk(4 * size + 2 * MIB)
    run = RunStore(disk / "runs").create(spec)
    # One checkpoint fits, a second one does not.
    filler = disk / "filler"
    filler.write_bytes(bytes(size * 5 // 2 + MIB * 3 // 2))
    thread = _started(run)
    _until(lambda: run.status().state is RunState.PAUSED)
    status = run.status()
    assert "The disk is full" in status.reason
    assert "No space left on device" in status.reason
    assert "goes on by itself" in status.remedy
    assert [path.name for path in list_checkpoints(run.checkpoints_folder)] == ["step-00000002"]
    assert CheckpointStore(run).load().meta.step == 2
    entry = _disk_full(run)
    assert entry.is_open
    assert "checkpoint step-00000002 is intact" in entry.alert.explanation
    filler.unlink()
    thread.join(30)
    assert run.status().state is RunState.COMPLETED
    assert not _disk_full(run).is_open
    for split in ("train", "validation"):
        for name in ("step", "loss"):
            ours, theirs = (r.metrics().column(name, split) for r in (run, whole))
            assert ours.tolist() == theirs.tolist()
    ours, theirs = (CheckpointStore(r).load().weights for r in (run, whole))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


@pytest.mark.slow
def test_metrics_without_room_pause_the_run_and_none_is_lost(small_disk, spec) -> None:
    steps = ["training.steps=40", "training.checkpoint_every=1000", "training.validate_every=20"]
    disk = small_disk(64 * MIB)
    run = RunStore(disk / "runs").create(spec.with_overrides(steps))
    thread = _started(run)
    _until(lambda: run.metrics().num_rows() > 2)
    filler = _fill(disk)
    _until(lambda: run.status().state is RunState.PAUSED)
    status = run.status()
    assert "metrics.jsonl" in status.reason
    assert "there is no checkpoint yet" in status.reason
    filler.unlink()
    thread.join(30)
    assert run.status().state is RunState.COMPLETED
    assert run.metrics().column("step").tolist() == list(range(1, 41))
    assert run.metrics().column("step", "validation").tolist() == [0, 20, 40]
    assert run.metrics().damaged == 0


def test_the_state_is_told_on_a_full_disk_from_the_room_that_was_kept_for_it(
    small_disk, spec
) -> None:
    disk = small_disk(2 * MIB)
    run = RunStore(disk / "runs").create(spec)
    with own(run) as owner:
        _fill(disk)
        owner.update(state=RunState.RUNNING, step=7)
        assert (run.status().state, run.status().step) == (RunState.RUNNING, 7)


def test_a_status_without_any_room_is_written_by_a_later_heartbeat(
    small_disk, spec, monkeypatch
) -> None:
    monkeypatch.setattr("aurora_dash.runs.ownership.HEARTBEAT_SECONDS", 0.05)
    disk = small_disk(2 * MIB)
    run = RunStore(disk / "runs").create(spec)
    with own(run) as owner:
        owner._reserve.spend()
        filler = _fill(disk)
        owner.update(state=RunState.RUNNING, step=7)
        assert run.status().step == 0
        filler.unlink()
        _until(lambda: run.status().step == 7)


def test_an_event_without_room_waits_for_it(small_disk, spec) -> None:
    disk = small_disk(2 * MIB)
    run = PatientRun(RunStore(disk / "runs").create(spec).folder)
    filler = _fill(disk)
    run.log_event("warning", "x" * 5000)
    run.log_event("info", "second")
    assert run.events() == []
    filler.unlink()
    run.log_event("info", "third")
    assert [event["message"][:6] for event in run.events()] == ["xxxxxx", "second", "third"]


def test_a_stop_ends_the_wait_and_keeps_the_reason(run) -> None:
    with own(run) as owner:
        owner.update(state=RunState.RUNNING)
        _, room_of_run = _room(run, owner)

        def never() -> None:
            raise DiskFullError("Can't write x: No space left on device.")

        threading.Timer(0.05, run.request, args=(Action.STOP,)).start()
        with pytest.raises(DiskFullError, match="Can't write x"):
            room_of_run.secure(never, needed=2**60)


def test_it_is_tried_at_once_when_somebody_asks_to_go_on(run) -> None:
    with own(run) as owner:
        owner.update(state=RunState.RUNNING)
        _, room_of_run = _room(run, owner)
        tries: list[bool] = []

        def second_time() -> None:
            tries.append(True)
            if len(tries) < 2:
                raise DiskFullError("Can't write x: Disk quota exceeded.")

        # There never are so many bytes; who asks knows better.
        threading.Timer(0.05, run.request, args=(Action.RESUME,)).start()
        assert room_of_run.secure(second_time, needed=2**60)
        assert len(tries) == 2
        assert owner.status.state is RunState.RUNNING


def test_a_folder_that_can_not_be_written_is_shown_and_not_trained_in(small_disk, spec) -> None:
    disk = small_disk(8 * MIB)
    store = RunStore(disk / "runs")
    run = store.create(spec)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(RunError, match="Read-only file system"):
        train(run)
    with pytest.raises(RunError, match="Read-only file system"):
        store.create(spec)
    assert [known.id for known in store.list()] == [run.id]
    assert run.status().state is RunState.QUEUED
    assert run.metrics().num_rows() == 0
