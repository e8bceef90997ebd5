"""Runs that train a part of the model, through the real engine."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.model.build import build_model
from aurora_dash.model.lora import is_adapter
from aurora_dash.model.saved import find_checkpoint, read_optimiser, read_weights
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.model.trainable import training_group
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.training.engine import train
from tests.training.stops import after

NEW = (VariableSpec(name="tcwv", mean=20, std=15, unit="kg m**-2"),)


@pytest.fixture
def awake(spec: RunSpec, tmp_path: Any) -> dict[str, str]:
    """A model whose blocks are switched on, unlike those of fresh random weights."""
    built = build_model(spec)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: value + 0.02 * torch.randn(value.shape, generator=generator)
        for name, value in built.state_dict().items()
    }
    path = tmp_path / "awake.ckpt"
    torch.save(weights, path)
    return {"source": "file", "path": str(path)}


def _weights(run: Run) -> dict[str, torch.Tensor]:
    return read_weights(find_checkpoint(run.checkpoints_folder, "last"))


def _start(run: Run) -> dict[str, torch.Tensor]:
    spec = run.spec()
    return build_model(spec, ModelStatistics.for_spec(spec)).state_dict()


@pytest.mark.parametrize(
    ("trainable", "variables"),
    [
        ({"parts": "new"}, NEW),
        ({"parts": "groups", "groups": ["decoder"]}, ()),
        ({"parts": "groups", "groups": ["encoder", "lora"]}, ()),
        ({"parts": "groups", "groups": ["new_embeddings", "backbone"]}, NEW),
        ({"parts": "lora", "lora": {"rank": 2, "targets": ["qkv", "proj", "mlp"]}}, ()),
    ],
    ids=lambda value: (
        "-".join(value.get("groups", [value["parts"]])) if isinstance(value, dict) else ""
    ),
)
def test_the_frozen_stay_bit_identical_and_all_others_learn(
    store: RunStore, spec: RunSpec, awake: dict[str, str], trainable: Any, variables: Any
) -> None:
    spec = spec.replace(model=awake, variables=variables, trainable=trainable)
    # Decay would shrink whatever the optimiser holds, gradient or not.
    spec = spec.with_overrides(["optimiser.weight_decay=0.5"])
    run = store.create(spec)
    before = _start(run)
    assert train(run).state is RunState.COMPLETED
    after = _weights(run)
    assert before.keys() == after.keys()
    trained = set(spec.trainable.trained_groups)
    for name, value in after.items():
        group = training_group(name, variables)
        learns = group in trained and not name.endswith(".scaling")
        assert torch.equal(value, before[name]) is not learns, name

    columns = run.metrics().names()
    norms = {c.removeprefix("grad_norm/") for c in columns if c.startswith("grad_norm/")}
    # New variables have norms of their own beside that of their group.
    assert {name for name in norms if "/" not in name} == trained
    state = read_optimiser(find_checkpoint(run.checkpoints_folder, "last"))
    module = build_model(spec).module
    num_trained = sum(p.requires_grad for p in module.parameters())
    assert len(state["state"]) == num_trained
    status = run.status()
    total = sum(p.numel() for p in module.parameters())
    assert status.num_parameters == total
    assert status.num_trainable == sum(p.numel() for p in module.parameters() if p.requires_grad)
    said = f"{status.num_trainable:,} of {total:,} parameters are trained"
    assert said in [event["message"] for event in run.events()]


@pytest.mark.slow
def test_a_resumed_lora_run_ends_as_an_uninterrupted_one(
    store: RunStore, spec: RunSpec, awake: dict[str, str]
) -> None:
    spec = spec.replace(model=awake, trainable={"parts": "lora", "lora": {"rank": 3}})
    whole = store.create(spec)
    train(whole)
    halves = store.create(spec)
    assert train(halves, should_stop=after(halves, 2)).state is RunState.STOPPED
    assert halves.status().step == 2
    assert train(halves).state is RunState.COMPLETED
    one, other = _weights(whole), _weights(halves)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.metrics().column("loss")[-1] == halves.metrics().column("loss")[-1]


def test_an_evaluation_loads_the_lora_and_the_start_without_its_effect(
    store: RunStore, spec: RunSpec, awake: dict[str, str]
) -> None:
    run = store.create(spec.replace(model=awake, trainable={"parts": "lora"}))
    train(run)
    subject = CheckpointRef.parse(f"{run.id}@last", store).resolve()
    loaded, initial = subject.load().state_dict(), subject.load_initial().state_dict()
    saved = _weights(run)
    assert all(torch.equal(loaded[name], saved[name]) for name in saved)
    matrices = [name for name in initial if is_adapter(name) and name.endswith(".B")]
    assert matrices
    assert all(loaded[name].any() and not initial[name].any() for name in matrices)


def test_lora_alone_on_random_weights_is_warned_of_and_indeed_learns_nothing(
    store: RunStore, spec: RunSpec
) -> None:
    run = store.create(spec.replace(trainable={"parts": "lora"}))
    before = _start(run)
    assert train(run).state is RunState.COMPLETED
    [warning] = [e for e in run.events() if e.get("code") == "lora-on-random"]
    assert warning["level"] == "warning"
    assert set(run.metrics().column("grad_norm").tolist()) == {0.0}
    assert all(torch.equal(value, before[name]) for name, value in _weights(run).items())
