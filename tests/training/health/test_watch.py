"""Real trainings that go wrong in one way each, and one that does not."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from aurora_dash.data.demo import demo_dataset
from aurora_dash.model.device import host_memory
from aurora_dash.model.saved import find_checkpoint, read_weights
from aurora_dash.runs.fix import alerts_of, choose_checkpoint, find_alert, fix
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training import engine
from aurora_dash.training.engine import train
from aurora_dash.training.health import gauges
from aurora_dash.training.loader import TrainingBatches

MACHINE = {"throughput", "data_wait", "memory", "disk"}
"""Rules about the machine, which others may keep busy while tests run."""


def _rules(run: Run) -> list[str]:
    return [n.alert.rule for n in alerts_of(run) if n.alert.rule not in MACHINE]


def _train(store: RunStore, spec: RunSpec, *assignments: str) -> Run:
    run = store.create(spec.with_overrides(assignments))
    train(run)
    return run


def test_a_rate_far_too_high_ends_in_an_alert_that_can_be_fixed_from_the_beginning(
    store, spec
) -> None:
    run = _train(store, spec, "optimiser.lr=10", "optimiser.lr_new=10", "training.steps=20")
    status = run.status()
    assert status.state is RunState.FAILED
    assert "not finite" in status.reason
    (entry,) = [n for n in alerts_of(run) if n.alert.rule == "not_finite"]
    assert (entry.alert.severity, entry.alert.step) == ("error", status.step)
    # What was saved at the end is on its way to infinity already.
    assert entry.alert.good_step == 0
    assert choose_checkpoint(run, "rollback", entry.alert.good_step) is None
    remedy = entry.alert.remedy("tenth-rate")
    following = fix(store, run, entry.alert, remedy, stop_seconds=1)
    assert following.id != run.id
    assert following.spec().optimiser.lr == 1.0
    (after,) = alerts_of(run)
    assert (after.applied, after.went_on_in, after.is_open) == ("tenth-rate", following.id, False)


@pytest.mark.slow
def test_gaps_planted_in_the_data_are_refused_with_their_place_or_end_the_run_unharmed(
    store, spec, tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "gaps.nc"
    dataset = demo_dataset(spec.data.demo, spec.model.catalogue_entry)
    dataset["surf_2t"].values[3, 4, 5] = np.nan
    dataset.to_netcdf(path)
    options = (f'data.paths=["{path}"]', "data.source=files", "training.steps=40")
    refused = _train(store, spec, *options).status()
    assert (refused.state, refused.step) == (RunState.FAILED, 0)
    when = f"{np.datetime_as_string(dataset['time'].values[3], unit='h')}"
    assert "surf_2t has 1 missing value" in refused.reason
    assert when in refused.reason
    # In large data the check looks at some times only: then the step that meets the gap tells.
    monkeypatch.setattr(engine, "check_parts", lambda parts: ())
    run = _train(store, spec, *options)
    status = run.status()
    assert status.state is RunState.FAILED
    assert "The input has missing or infinite values in 2t" in status.reason
    assert when in status.reason
    (alert,) = [n.alert for n in alerts_of(run) if n.alert.rule == "not_finite"]
    assert (alert.step, alert.good_step, alert.remedies) == (status.step, status.step, ())
    weights = read_weights(find_checkpoint(run.checkpoints_folder, "last"))
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_rule_that_is_to_stop_the_run_ends_it_with_its_alert_and_a_checkpoint(
    store, spec
) -> None:
    run = _train(store, spec, "health.disk.action=stop", "health.disk.free_gib=1e9")
    status = run.status()
    assert (status.state, status.step) == (RunState.FAILED, 1)
    assert status.reason.startswith("Stopped by the rule disk at step 1: ")
    assert f"runs fix {run.id}" in status.remedy
    assert find_alert(run).rule == "disk"
    assert (run.checkpoints_folder / "last").read_text() == "step-00000001\n"


@pytest.mark.slow
def test_a_healthy_training_raises_no_alert(store, learner) -> None:
    for seed in (3, 4):
        run = _train(store, learner, f"training.seed={seed}", f"data.demo.seed={seed}")
        assert run.status().state is RunState.COMPLETED
        assert len(run.metrics().column("loss")) == 220
        assert _rules(run) == []


@pytest.mark.slow
def test_a_rising_rate_explodes_the_gradients_and_rolling_back_cures_it(store, learner) -> None:
    run = _train(
        store,
        learner,
        *("optimiser.lr=3", "optimiser.lr_new=3", "optimiser.warmup_steps=3000"),
        *("optimiser.clip_norm=null", "optimiser.schedule=constant", "training.steps=150"),
        *("training.checkpoint_every=10", "training.keep_checkpoints=100"),
    )
    found = {n.alert.rule: n.alert for n in alerts_of(run)}
    assert found.keys() & {"exploding_gradient", "loss_spike"}
    alert = next(iter(found.values()))
    following = fix(store, run, alert, alert.remedy("tenth-rate"), stop_seconds=1)
    start = int(choose_checkpoint(run, "rollback", alert.good_step).removeprefix("step-"))
    assert 0 < start <= alert.good_step
    result = train(following)
    assert (result.state, result.steps) == (RunState.COMPLETED, 150)
    steps = following.metrics().column("step")
    assert steps.tolist() == list(range(1, 151))
    assert result.final_loss < 0.5 * np.nanmax(run.metrics().column("loss")[start:])
    assert following.metrics().column("lr")[start] == pytest.approx(
        run.metrics().column("lr")[start] / 10, rel=1e-5
    )


@pytest.mark.slow
def test_a_variable_that_does_not_count_is_found_dead(store, learner) -> None:
    run = _train(store, learner, 'loss.weights={"tcwv":0}', "training.steps=160")
    assert _rules(run) == ["dead_variable"]
    alert = find_alert(run)
    assert (alert.subject, alert.remedy().key) == ("tcwv", "weigh")


@pytest.mark.slow
def test_learning_noise_by_heart_is_overfitting(store, learner, tmp_path: Path) -> None:
    demo = learner.data.demo.replace(num_times=18)
    dataset = demo_dataset(demo, learner.model.catalogue_entry)
    random = np.random.default_rng(0)
    for name in dataset.data_vars:
        if "time" in dataset[name].dims:
            values = dataset[name].values
            noise = random.standard_normal(values.shape) * values.std()
            dataset[name].values = (values.mean() + noise).astype(np.float32)
    path = tmp_path / "noise.nc"
    dataset.to_netcdf(path)
    run = _train(
        store,
        learner.replace(variables=()),
        *(f'data.paths=["{path}"]', "data.validation_fraction=0.3", "training.steps=400"),
        *("optimiser.lr=2e-3", "optimiser.schedule=constant", "training.validate_every=20"),
    )
    assert "overfitting" in _rules(run), run.metrics().column("loss", "validation")
    alert = find_alert(
        run, next(n.alert.id for n in alerts_of(run) if n.alert.rule == "overfitting")
    )
    best = (run.checkpoints_folder / "best").read_text().strip()
    assert choose_checkpoint(run, alert.remedy().start, alert.good_step) == best


@pytest.mark.slow
def test_a_slow_source_is_told(store, spec, monkeypatch) -> None:
    take = TrainingBatches.take

    def slowly(self: TrainingBatches, step: int) -> object:
        time.sleep(0.3)
        return take(self, step)

    monkeypatch.setattr(engine.TrainingBatches, "take", slowly)
    run = _train(store, spec, "training.steps=40", "health.throughput.action=off")
    assert "data_wait" in [n.alert.rule for n in alerts_of(run)]


@pytest.mark.slow
def test_a_small_disk_is_told_before_it_is_full(tmp_path: Path, spec, monkeypatch) -> None:
    monkeypatch.setattr(gauges, "_SECONDS_BETWEEN_LOOKS", 0.0)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=84m", "none", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk can't be mounted here")
    try:
        run = _train(RunStore(disk), spec, "health.disk.free_gib=0.03", "training.steps=30")
        found = [n.alert for n in alerts_of(run) if n.alert.rule == "disk"]
        assert found
        assert found[0].remedy().assignments == ("training.keep_checkpoints=1",)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_training_that_learns_nothing_is_on_a_plateau(store, spec) -> None:
    run = _train(
        store,
        spec,
        *("optimiser.lr=1e-9", "optimiser.lr_new=1e-9", "optimiser.schedule=constant"),
        *("optimiser.warmup_steps=0", "health.plateau.window=40", "training.steps=90"),
    )
    assert run.status().state is RunState.COMPLETED
    assert "plateau" in _rules(run)


@pytest.mark.slow
def test_steps_that_become_slow_are_told(store, spec, monkeypatch) -> None:
    take_step = engine.TrainingStep.__call__

    def throttled(self: engine.TrainingStep, step: int, *batches: object) -> object:
        if step >= 45:
            time.sleep(0.5)
        return take_step(self, step, *batches)

    monkeypatch.setattr(engine.TrainingStep, "__call__", throttled)
    run = _train(store, spec, "training.steps=80", "training.threads=2")
    alerts = [n.alert for n in alerts_of(run) if n.alert.rule == "throughput"]
    assert alerts
    assert alerts[0].step > 45


@pytest.mark.slow
def test_memory_that_runs_out_is_told_before_it_is_gone(store, spec, monkeypatch) -> None:
    limit, used = host_memory()
    if limit - used < 6 * 2**30:
        pytest.skip("too little memory is free to use some of it up")
    monkeypatch.setattr(gauges, "_SECONDS_BETWEEN_LOOKS", 0.0)
    take_step, leaked = engine.TrainingStep.__call__, []

    def leaking(self: engine.TrainingStep, step: int, *batches: object) -> object:
        if step >= 10:
            leaked.append(np.ones(2**26))
        return take_step(self, step, *batches)

    monkeypatch.setattr(engine.TrainingStep, "__call__", leaking)
    share = used / limit + 3 * 2**30 / limit
    run = _train(store, spec, f"health.memory.share={share:.4f}", "training.steps=18")
    alerts = [n.alert for n in alerts_of(run) if n.alert.rule == "memory"]
    assert len(alerts) == 1
    assert alerts[0].step > 10
