"""As many processes as the spec asks for, and files that say nothing but what tensors are."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from aurora_dash.errors import CheckpointError, TrainingError
from aurora_dash.model.sharded import MARK, METADATA_FILE, with_tensors
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DistributedSpec, RunSpec
from aurora_dash.training.distributed.place import Place
from aurora_dash.training.distributed.world import World
from aurora_dash.training.engine import train


def test_without_a_launcher_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert Place.here() == Place(rank=0, size=1)


def test_a_process_is_placed_as_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    assert Place.here() == Place(rank=5, size=8, local_rank=1, local_size=4)


def test_another_number_of_processes_than_asked_for_is_refused_with_both() -> None:
    with pytest.raises(TrainingError, match=r"for 4 processes .*processes = 2.*nodes = 2.*and 3 w"):
        Place(size=3).check(DistributedSpec(processes=2, nodes=2))


def test_a_run_for_two_is_not_trained_by_one(tmp_path: Path) -> None:
    spec = RunSpec().with_overrides(["training.accumulate=2", "distributed.processes=2"])
    run = RunStore(tmp_path).create(spec)
    result = train(run)
    assert result.state is RunState.FAILED
    assert "for 2 processes" in result.reason
    assert "distributed.processes=1" in result.remedy


def test_a_process_that_is_alone_agrees_with_itself() -> None:
    world = World()
    assert (world.gather(3), world.by_first(lambda: 4), world.sum(2.5)) == ([3], 4, 2.5)
    with pytest.raises(TrainingError, match=r"^no luck$"):
        world.raise_first([None, TrainingError("no luck")])


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch evil",)


def test_a_description_of_parts_runs_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / METADATA_FILE).write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(CheckpointError, match=r"asks for \w+\.system"):
        with_tensors({"weight": {MARK: "model/weight"}}, tmp_path)
    assert not (tmp_path / "evil").exists()
