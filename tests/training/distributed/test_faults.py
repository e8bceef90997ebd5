"""A process of a run is lost, fails or meets nonsense; a run is stopped, and goes on elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aurora_dash.model.saved import list_checkpoints
from aurora_dash.runs.control import Action
from aurora_dash.runs.fix import change_spec
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import DataSpec, DemoSpec, OptimiserSpec, RunSpec, TrainingSpec
from aurora_dash.training.engine import train
from tests.training.distributed.conftest import start, train_together, wait_for
from tests.training.stops import after

pytestmark = pytest.mark.slow

_STEPS = 8


def _spec(*assignments: str) -> RunSpec:
    spec = RunSpec(
        name="fault",
        data=DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=12)),
        optimiser=OptimiserSpec(lr=1e-3, ema_decay=0.9),
        training=TrainingSpec(
            steps=_STEPS, batch_size=2, device="cpu", threads=1, validate_every=4, patience=100
        ),
    )
    return spec.with_overrides(["training.checkpoint_every=2", *assignments])


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """Those of a run in one process that nothing interrupts, by step."""
    run = RunStore(tmp_path_factory.mktemp("whole") / "runs").create(_spec())
    train(run)
    return _losses(run)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def _losses(run: Run) -> dict[int, float]:
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if line["split"] == "train"}


def _resumes_in_one_process(run: Run, losses: dict[int, float]) -> None:
    change_spec(run, ["distributed.processes=1"])
    assert train(run).state is RunState.COMPLETED
    assert any("resumed from step-" in str(event["message"]) for event in run.events())
    assert _losses(run) == pytest.approx(losses, rel=1e-6)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_killed_process_ends_the_run_by_name_and_one_process_goes_on(
    store: RunStore, losses: dict[int, float], strategy: str
) -> None:
    run = store.create(_spec("distributed.processes=2", f"distributed.strategy={strategy}"))
    said = train_together([run], FAULT="1:5:kill")
    status = run.status()
    assert status.state is RunState.FAILED, said[-4000:]
    assert status.reason.startswith("Process 1 of 2 is gone (process ")
    assert "Resume" in status.remedy
    assert [path.name for path in list_checkpoints(run.checkpoints_folder)][-1] == "step-00000004"
    _resumes_in_one_process(run, losses)


def test_a_process_that_fails_alone_is_named_with_its_reason(store: RunStore) -> None:
    run = store.create(_spec("distributed.processes=2"))
    said = train_together([run], FAULT="1:3:raise")
    status = run.status()
    assert status.state is RunState.FAILED, said[-4000:]
    assert status.reason == "Process 1 of 2 failed: ValueError: a shelf fell over."


def test_nonsense_in_one_process_ends_all_in_order_with_the_last_good_weights(
    store: RunStore,
) -> None:
    run = store.create(_spec("distributed.processes=2", "distributed.strategy=fsdp"))
    said = train_together([run], FAULT="1:3:nan")
    status = run.status()
    assert status.state is RunState.FAILED, said[-4000:]
    assert status.reason.startswith("Process 1 of 2: Step 4: the loss is not finite (")
    assert "The input has missing or infinite values in" in status.reason
    assert "rank 1: ['failed']" in said
    assert [path.name for path in list_checkpoints(run.checkpoints_folder)][-1] == "step-00000003"


def test_a_run_of_one_goes_on_in_two_and_requests_are_heard_by_both(
    store: RunStore, losses: dict[int, float]
) -> None:
    begun, stopped = store.create(_spec()), store.create(_spec())
    impatient = ("training.patience=2", "training.min_delta=1e6", "training.validate_every=2")
    alone, early = (store.create(_spec(*impatient)) for _ in range(2))
    train(alone)
    change_spec(early, ["distributed.processes=2"])
    train(begun, should_stop=after(begun, 3))
    assert begun.status().state is RunState.STOPPED
    change_spec(begun, ["distributed.processes=2", "distributed.strategy=fsdp"])
    change_spec(stopped, ["distributed.processes=2", "distributed.strategy=fsdp"])
    # Long enough to be stopped on its way.
    change_spec(stopped, ["training.steps=500"])
    processes = start([begun, early, stopped])
    wait_for(lambda: stopped.status().step >= 2, "the last run")
    _pauses_and_goes_on(stopped)
    stopped.request(Action.SAVE)
    stopped.request(Action.STOP)
    said, _ = processes.communicate(timeout=120)
    assert processes.returncode == 0, said[-4000:]
    assert begun.status().state is RunState.COMPLETED
    assert _losses(begun) == pytest.approx(losses, rel=1e-6)
    status = stopped.status()
    assert (status.state, status.reason[:24]) == (RunState.STOPPED, "Stopped on request after")
    for rank in (0, 1):
        assert f"rank {rank}: ['completed', 'completed', 'stopped']" in said
    assert early.status().step == alone.status().step == 6
    assert early.status().reason.startswith("Stopped early: ")
    last = list_checkpoints(stopped.checkpoints_folder)[-1]
    assert last.name == f"step-{status.step:08d}"


def _pauses_and_goes_on(run: Run) -> None:
    """All wait at the same step, save it when asked to, and take the next one together."""
    run.request(Action.PAUSE)
    wait_for(lambda: run.status().state is RunState.PAUSED, "the pause")
    step = max(_losses(run))
    run.request(Action.SAVE)
    saved = run.checkpoints_folder / f"step-{step:08d}"
    wait_for(saved.exists, "the checkpoint of the pause")
    assert max(_losses(run)) == step
    run.request(Action.RESUME)
    wait_for(lambda: max(_losses(run)) > step, "the next step")


def test_split_weights_without_room_pause_all_processes_and_are_written_later(
    small_disk, store: RunStore, losses: dict[int, float]
) -> None:
    assignments = ["distributed.processes=2", "distributed.strategy=fsdp"]
    spec = _spec(*assignments, "training.keep_checkpoints=1")
    size = _checkpoint_bytes(store.create(_spec("training.steps=2")))
    disk = small_disk(4 * size)
    run = RunStore(disk / "runs").create(spec)
    # One checkpoint fits, a second one beside it does not.
    filler = disk / "filler"
    filler.write_bytes(bytes(size * 5 // 2))
    processes = start([run])
    wait_for(lambda: run.status().state is RunState.PAUSED, "the pause")
    status = run.status()
    assert "The disk is full" in status.reason
    assert "goes on by itself" in status.remedy
    (intact,) = list_checkpoints(run.checkpoints_folder)
    assert intact.name in status.reason
    filler.unlink()
    said, _ = processes.communicate(timeout=200)
    assert run.status().state is RunState.COMPLETED, said[-4000:]
    assert _losses(run) == pytest.approx(losses, rel=1e-6)
    assert list_checkpoints(run.checkpoints_folder)[-1].name == f"step-{_STEPS:08d}"


def _checkpoint_bytes(run: Run) -> int:
    """What a checkpoint takes; a split one takes as much."""
    assert train(run).state is RunState.COMPLETED
    newest = list_checkpoints(run.checkpoints_folder)[-1]
    return sum(path.stat().st_size for path in newest.iterdir())
