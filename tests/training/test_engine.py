from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
import threading
import time
import weakref
from statistics import median

import numpy as np
import pytest
import torch

from aurora_dash.data.source import open_data
from aurora_dash.errors import RunError
from aurora_dash.model.build import build_model
from aurora_dash.model.saved import (
    find_checkpoint,
    list_checkpoints,
    read_meta,
    read_part,
    read_weights,
)
from aurora_dash.presets import get_preset
from aurora_dash.runs.control import Action
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec, load_spec
from aurora_dash.training import engine, prerequisites
from aurora_dash.training.engine import release_gpu_memory, train
from aurora_dash.training.plan import split_of
from aurora_dash.variables import Group


def _losses(run: Run, split: str = "train") -> list[float]:
    return run.metrics().column("loss", split).tolist()


def _records(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


def _with(spec: RunSpec, *assignments: str) -> RunSpec:
    return spec.with_overrides(assignments)


def test_a_run_trains_and_leaves_a_complete_folder(run, spec) -> None:
    result = train(run)
    assert (result.state, result.steps, result.reason) == (RunState.COMPLETED, 6, "")
    steps = run.metrics().column("step")
    assert steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert run.metrics().column("step", "validation").tolist() == [0, 3, 6]
    assert result.final_loss == _losses(run)[-1]
    assert result.best_loss == min(_losses(run, "validation")[1:])
    status = run.status()
    assert (status.state, status.step, status.total_steps) == (RunState.COMPLETED, 6, 6)
    assert status.device == "cpu"
    assert status.last_loss == result.final_loss
    assert [p.name for p in list_checkpoints(run.checkpoints_folder)] == [
        "step-00000003",
        "step-00000006",
    ]
    assert read_meta(find_checkpoint(run.checkpoints_folder, "last")).step == 6
    assert any("synthetic" in event["message"] for event in run.events())
    assert any("random weights: 181 tensors random" in event["message"] for event in run.events())
    account = run.load_report()
    assert account.summary() == "181 random"
    assert account.rows()[-1] == ("all", (0, 0, 0, 0, 0, 181))


@pytest.mark.slow
def test_an_account_of_the_load_is_kept_whether_it_worked_or_not(store, spec, tmp_path) -> None:
    whole = {k: v.clone() for k, v in build_model(spec).state_dict().items()}
    path = tmp_path / "aurora.ckpt"
    torch.save(whole | {"decoder.surf_heads.tp.bias": torch.zeros(16)}, path)
    new = VariableSpec(name="tcwv", mean=20, std=10)
    loaded = spec.replace(
        model=ModelSpec(source="file", path=str(path), use_lora=True),
        variables=(new,),
        training=spec.training.replace(steps=1),
    )
    run = store.create(loaded)
    assert train(run).state == RunState.COMPLETED
    account = run.load_report()
    assert account.summary() == "181 matched, 32 missing, 1 unexpected, 3 new"
    assert dict(account.rows())["lora"] == (0, 32, 0, 0, 0, 0)
    assert dict(account.rows())["new_embeddings"] == (0, 0, 0, 0, 3, 0)
    assert account.unexpected == ("decoder.surf_heads.tp.bias",)
    assert account.refused == ""

    torch.save(whole | {"decoder.surf_heads.2t.weight": torch.zeros(9, 128)}, path)
    refused = store.create(loaded)
    assert train(refused).state == RunState.FAILED
    account = refused.load_report()
    assert account.mismatched == ("decoder.surf_heads.2t.weight",)
    assert "another shape" in account.refused
    assert dict(account.rows())["decoder"][3] == 1


@pytest.mark.slow
def test_every_record_has_what_the_charts_want(run) -> None:
    train(run)
    first, *rest = [r for r in _records(run) if r["split"] == "train"]
    assert {
        *("step", "epoch", "time", "split", "loss", "lr", "grad_norm", "step_seconds"),
        *("grad_norm/encoder", "grad_norm/backbone", "grad_norm/decoder", "grad_norm_clipped"),
        *("grad_norm_clipped/encoder", "samples", "samples_per_second"),
        *("loss/2t", "loss/z/850", "loss/q/500", "data_seconds", "memory_bytes"),
    } <= first.keys()
    looks = {name for name in first if name.startswith(("weight_norm/", "update_ratio/"))}
    assert looks == {
        f"{what}/{group}"
        for what in ("weight_norm", "update_ratio")
        for group in ("encoder", "backbone", "decoder")
    }
    # What is sampled by the second, and pauses.
    saved = {"save_seconds", "cpu_percent", "machine_cpu_percent", "rss_bytes", "host_free_bytes"}
    assert all(record.keys() - saved == first.keys() - looks - saved for record in rest)
    assert first["step_seconds"] >= first["data_seconds"] >= 0
    assert first["memory_bytes"] > 10**8
    validation = next(r for r in _records(run) if r["split"] == "validation")
    assert {"loss", "persistence_loss", "loss/2t", "loss/z/850"} <= validation.keys()


@pytest.mark.slow
def test_the_best_checkpoint_is_the_one_of_the_lowest_validation_loss(store, spec) -> None:
    run = store.create(_with(spec, "training.validate_every=1", "training.steps=8"))
    result = train(run)
    losses = _losses(run, "validation")
    best = int(np.argmin(losses[1:])) + 1
    meta = read_meta(find_checkpoint(run.checkpoints_folder, "best"))
    assert meta.step == best
    assert meta.validation_loss == result.best_loss == losses[best]


def test_the_same_seed_gives_the_same_losses_bit_for_bit(store, spec) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, other, third = (store.create(s) for s in (spec, spec, _with(spec, "training.seed=1")))
    train(one)
    assert torch.equal(torch.get_rng_state(), state), "global random numbers were used"
    torch.manual_seed(2)
    train(other)
    train(third)
    assert _losses(one) == _losses(other)
    assert _losses(one, "validation") == _losses(other, "validation")
    assert _losses(one) != _losses(third)


@pytest.mark.slow
def test_two_trainings_at_once_are_what_they_are_alone(store, spec) -> None:
    """Other statistics for a variable of the same name, other seeds, other threads."""
    specs = [
        spec.replace(
            variables=(VariableSpec(name="tcwv", unit="kg m-2", mean=mean, std=std),),
            training=spec.training.replace(seed=seed),
        )
        for seed, mean, std in ((1, 20.0, 1.0), (2, -5.0, 100.0))
    ]
    alone = [store.create(s) for s in specs]
    for run in alone:
        train(run)
    together = [store.create(s) for s in specs]
    threads = [threading.Thread(target=train, args=(run,)) for run in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        assert other.status().state is RunState.COMPLETED
        assert _losses(one) == _losses(other)
        assert _losses(one, "validation") == _losses(other, "validation")
    # The narrow scale makes the same errors larger.
    first, second = (run.metrics().column("loss/tcwv")[0] for run in alone)
    assert first > 5 * second


def test_a_resumed_run_goes_on_bit_for_bit(store, spec) -> None:
    whole, halves = store.create(spec), store.create(spec)
    train(whole)
    stop = threading.Event()

    def after_four() -> bool:
        return stop.is_set() or len(_losses(halves)) >= 4

    assert train(halves, should_stop=after_four).state is RunState.STOPPED
    assert len(_losses(halves)) == 4
    result = train(halves)
    assert (result.state, result.steps) == (RunState.COMPLETED, 6)
    assert _losses(halves) == _losses(whole)
    assert any(e["message"] == "resumed from step-00000004" for e in halves.events())
    one, other = (
        read_weights(find_checkpoint(run.checkpoints_folder, "last")) for run in (whole, halves)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_average_accumulation_and_adafactor_resume_bit_for_bit(store, spec) -> None:
    spec = _with(
        spec,
        "optimiser.kind=adafactor",
        "optimiser.ema_decay=0.9",
        "training.accumulate=2",
        "training.batch_size=1",
        "training.patience=50",
    )
    whole, halves = store.create(spec), store.create(spec)
    train(whole)
    assert train(halves, should_stop=lambda: len(_losses(halves)) >= 4).state is RunState.STOPPED
    assert train(halves).state is RunState.COMPLETED
    assert _losses(halves) == _losses(whole)
    assert _losses(halves, "validation") == _losses(whole, "validation")
    one, other = (find_checkpoint(run.checkpoints_folder, "last") for run in (whole, halves))
    assert read_meta(one).parts == ("early_stopping", "ema")
    for name in ("model", "ema"):
        first, second = (
            read_weights(path) if name == "model" else read_part(path, "ema")["weights"]
            for path in (one, other)
        )
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(
        read_weights(one)["decoder.surf_heads.2t.weight"],
        read_part(one, "ema")["weights"]["decoder.surf_heads.2t.weight"],
    )
    assert not [e for e in halves.events() if e["level"] == "warning"]


@pytest.mark.slow
def test_validation_measures_the_average_where_there_is_one(store, spec) -> None:
    averaged = _with(spec, "optimiser.ema_decay=0.999", "optimiser.lr=0.01")
    own = _with(averaged, "optimiser.validate_ema=false")
    runs = [store.create(each) for each in (averaged, own)]
    for run in runs:
        train(run)
    (first, *of_average), (same, *of_weights) = (_losses(run, "validation") for run in runs)
    assert first == same
    assert of_average != of_weights
    assert _losses(runs[0]) == _losses(runs[1])


@pytest.mark.slow
def test_a_run_that_no_longer_improves_ends_and_stays_ended(store, spec) -> None:
    run = store.create(
        _with(
            spec,
            "training.steps=50",
            "training.validate_every=1",
            "training.patience=2",
            "training.min_delta=10",
        )
    )
    result = train(run)
    # The first validation after the start counts as an improvement; two more do not.
    assert (result.state, result.steps) == (RunState.COMPLETED, 3)
    assert result.reason.startswith("Stopped early: the validation loss has not fallen")
    assert "lowest at step 1" in result.reason
    again = train(run)
    assert (again.state, again.steps, again.reason) == (RunState.COMPLETED, 3, result.reason)


@pytest.mark.slow
def test_a_damaged_last_checkpoint_falls_back_with_a_warning(store, spec) -> None:
    whole, damaged = store.create(spec), store.create(spec)
    train(whole)
    train(damaged)
    path = find_checkpoint(damaged.checkpoints_folder, "last") / "model.pt"
    path.write_bytes(path.read_bytes()[:-100])
    assert train(damaged).state is RunState.COMPLETED
    warning = next(e for e in damaged.events() if e["level"] == "warning")
    assert "step-00000006" in warning["message"]
    assert _losses(damaged) == _losses(whole)


@pytest.mark.slow
def test_a_completed_run_resumes_to_nothing(run) -> None:
    train(run)
    lines = run.metrics_path.read_text()
    assert train(run).state is RunState.COMPLETED
    assert run.metrics_path.read_text() == lines


@pytest.mark.slow
def test_more_steps_continue_a_completed_run(run, spec) -> None:
    train(run)
    run.save_spec(_with(spec, "training.steps=8"))
    result = train(run)
    assert (result.state, result.steps) == (RunState.COMPLETED, 8)
    assert run.metrics().column("step").tolist() == list(range(1, 9))


def _in_the_background(run: Run) -> threading.Thread:
    thread = threading.Thread(target=train, args=(run,))
    thread.start()
    return thread


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_requests_are_obeyed_while_it_trains(store, spec) -> None:
    run = store.create(_with(spec, "training.steps=100000", "training.checkpoint_every=100000"))
    thread = _in_the_background(run)
    _until(lambda: len(_losses(run)) >= 2)
    assert run.status().state is RunState.RUNNING
    assert run.status().seconds_left is None or run.status().seconds_left > 0
    run.request(Action.PAUSE)
    _until(lambda: run.status().state is RunState.PAUSED)
    paused_at = len(_losses(run))
    run.request(Action.SAVE)
    _until(lambda: (run.checkpoints_folder / "last").exists())
    assert read_meta(find_checkpoint(run.checkpoints_folder, "last")).step == paused_at
    time.sleep(0.3)
    assert len(_losses(run)) == paused_at
    run.request(Action.RESUME)
    _until(lambda: len(_losses(run)) > paused_at)
    run.request(Action.STOP)
    thread.join(timeout=30)
    status = run.status()
    assert status.state is RunState.STOPPED
    assert status.reason.startswith(f"Stopped on request after step {status.step} of 100000")
    assert read_meta(find_checkpoint(run.checkpoints_folder, "last")).step == status.step


def test_without_validation_the_last_is_the_best(store, spec) -> None:
    run = store.create(_with(spec, "data.validation_fraction=0"))
    result = train(run)
    assert run.metrics().splits == ("train",)
    assert result.best_loss == min(_losses(run))
    assert find_checkpoint(run.checkpoints_folder, "best").name == "step-00000006"


@pytest.mark.slow
def test_epochs_give_the_number_of_steps(store, spec) -> None:
    # 12 times give 10 samples: 2 to validate with, 2 that share a time with those, and 6 to
    # train on, in batches of 2.
    result = train(store.create(_with(spec, "training.epochs=3", "data.validation_fraction=0.2")))
    assert (result.state, result.steps) == (RunState.COMPLETED, 9)


def test_nothing_of_the_model_is_held_afterwards(run, monkeypatch) -> None:
    made: list[weakref.ref] = []

    def build(*arguments, **more):
        built = build_model(*arguments, **more)
        made.append(weakref.ref(built.module))
        return built

    monkeypatch.setattr(prerequisites, "build_model", build)
    train(run)
    assert len(made) == 1
    assert made[0]() is None


def test_a_failed_training_holds_nothing_either(run, monkeypatch) -> None:
    made: list[weakref.ref] = []

    def build(*arguments, **more):
        built = build_model(*arguments, **more)
        made.append(weakref.ref(built.module))
        return built

    def crash(*arguments: object) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(prerequisites, "build_model", build)
    monkeypatch.setattr(engine.TrainingStep, "__call__", crash)
    result = train(run)
    assert result.state is RunState.FAILED
    assert result.reason == "Unexpected ZeroDivisionError: unforeseen."
    assert "unforeseen" in run.events()[-1]["traceback"]
    assert made[0]() is None


def test_data_that_can_not_work_is_refused_before_anything_is_built(store, spec, tmp_path) -> None:
    run = store.create(_with(spec, f'data.paths=["{tmp_path}/nothing.nc"]'))
    result = train(run)
    assert result.state is RunState.FAILED
    assert "nothing.nc" in result.reason
    assert result.remedy
    assert not run.metrics_path.exists()


def test_findings_in_the_way_end_the_run_with_their_words(store, spec) -> None:
    new = VariableSpec(name="blh", unit="m", mean=500, std=300)
    run = store.create(spec.replace(variables=(new,)))
    result = train(run)
    assert result.state is RunState.FAILED
    assert "blh" in result.reason
    assert result.steps == 0
    assert not run.checkpoints_folder.exists()


def test_a_loss_that_is_not_finite_keeps_the_last_good_weights(store, spec) -> None:
    # So small a scale overflows single precision as soon as anything differs from the mean.
    new = VariableSpec(name="tcwv", unit="kg m-2", mean=0.0, std=1e-40)
    run = store.create(_with(spec.replace(variables=(new,)), "data.validation_fraction=0"))
    result = train(run)
    assert result.state is RunState.FAILED
    assert result.reason.startswith("Step 1: the loss is not finite")
    saved = read_weights(find_checkpoint(run.checkpoints_folder, "last"))
    initial = build_model(run.spec()).state_dict()
    assert all(torch.equal(saved[name], initial[name]) for name in saved)


def test_a_run_of_somebody_else_is_left_alone(run) -> None:
    with own(run):
        failure: list[BaseException] = []

        def attempt() -> None:
            try:
                train(run)
            except RunError as error:
                failure.append(error)

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    assert "already being trained" in str(failure[0])


def test_statistics_are_measured_on_training_times_and_kept_in_the_spec(store, spec) -> None:
    new = (
        VariableSpec(name="tcwv", unit="kg m-2"),
        VariableSpec(name="w", group=Group.ATMOSPHERIC, unit="Pa s-1"),
        VariableSpec(name="sdor", group=Group.STATIC, unit="m"),
    )
    spec = spec.replace(variables=new)
    run = store.create(spec)
    assert train(run).state is RunState.COMPLETED
    dataset = open_data(spec.data, spec.model.catalogue_entry, spec.variables).dataset
    split = split_of(spec, dataset)
    times = sorted({index for window in split.train for index in window.indices})
    assert len(times) < dataset.sizes["time"]
    values = dataset["surf_tcwv"].isel(time=times).values.astype(np.float64)
    found = {variable.name: variable for variable in run.spec().variables}
    assert found["tcwv"].mean == pytest.approx(values.mean(), rel=1e-9)
    assert found["tcwv"].std == pytest.approx(values.std(), rel=1e-9)
    assert set(found["w"].mean) == {"850", "500"}
    meta = read_meta(find_checkpoint(run.checkpoints_folder, "last"))
    assert meta.model_statistics.of_surface("tcwv") == (found["tcwv"].mean, found["tcwv"].std)
    assert "grad_norm/new_embeddings" in run.metrics().names()


@pytest.mark.slow
def test_a_run_can_continue_from_another_runs_checkpoint(store, spec) -> None:
    spec = spec.replace(variables=(VariableSpec(name="tcwv", unit="kg m-2"),))
    earlier = store.create(spec)
    train(earlier)
    model = ModelSpec(source="run", run=earlier.id, checkpoint="last")
    later = store.create(_with(spec.replace(model=model), "data.demo.seed=7"))
    train(later)
    assert later.status().state is RunState.COMPLETED
    # Other data, but the numbers that the weights were trained with.
    assert later.spec().variables == earlier.spec().variables
    report = next(e["message"] for e in later.events() if "matched" in e["message"])
    assert report == f"run {earlier.id}, step-00000006: 184 matched"
    assert _losses(later, "validation")[0] < _losses(earlier, "validation")[0]


@pytest.mark.slow
def test_the_machines_time_zone_changes_nothing(store, spec, monkeypatch) -> None:
    losses = []
    for zone in ("UTC", "Asia/Kathmandu"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        run = store.create(spec)
        train(run)
        losses.append(_losses(run))
    monkeypatch.undo()
    time.tzset()
    assert losses[0] == losses[1]
    assert all(map(math.isfinite, losses[0]))


def test_an_absent_gpu_is_named(store, spec) -> None:
    result = train(store.create(_with(spec, "training.device=cuda:99")))
    assert result.state is RunState.FAILED
    assert "cuda:99" in result.reason


@pytest.mark.slow
def test_a_killed_process_is_resumed_bit_for_bit(store, spec) -> None:
    longer = _with(spec, "training.steps=40", "training.checkpoint_every=4")
    whole, killed = store.create(longer), store.create(longer)
    train(whole)
    code = (
        "import sys; from pathlib import Path; from aurora_dash.runs.store import Run; "
        "from aurora_dash.training.engine import train; train(Run(Path(sys.argv[1])))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(killed.folder)])
    _until(lambda: len(_losses(killed)) >= 6)
    process.kill()
    process.wait()
    assert killed.status().state is RunState.INTERRUPTED
    assert 6 <= len(_losses(killed)) < 40
    assert train(killed).state is RunState.COMPLETED
    assert any(e["message"].startswith("resumed from step-") for e in killed.events())
    assert _losses(killed) == _losses(whole)


@pytest.mark.slow
def test_the_demo_learns(store) -> None:
    run = store.create(_with(get_preset("demo"), "training.steps=40", "training.device=cpu"))
    assert train(run).state is RunState.COMPLETED
    losses = _losses(run)
    assert median(losses[-5:]) < 0.6 * median(losses[:5])
    gc.collect()


@pytest.mark.slow
def test_the_norway_example_learns_in_time(store: RunStore, repository, norway_files) -> None:
    files = json.dumps([str(path) for path in norway_files])
    example = load_spec(repository / "examples" / "norway.toml")
    run = store.create(_with(example, f"data.paths={files}", "training.device=cpu"))
    begin = time.monotonic()
    assert train(run).state is RunState.COMPLETED
    assert time.monotonic() - begin < 180
    losses = _losses(run)
    assert len(losses) == 60
    assert median(losses[-5:]) <= 0.6 * median(losses[:5])
    assert any("61 x 61" in event["message"] for event in run.events())


def test_a_gpu_that_answers_nothing_more_does_not_hide_the_reason(run, monkeypatch) -> None:
    def dead() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    monkeypatch.setattr(torch.cuda, "empty_cache", dead)
    release_gpu_memory(run)
    [event] = run.events()
    assert event["level"] == "warning"
    assert event["message"].endswith("an illegal memory access was encountered")
