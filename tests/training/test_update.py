from __future__ import annotations

import copy
import math

import pytest
import torch

from aurora_dash.data.source import open_data
from aurora_dash.errors import NotFiniteError, SpecError, TrainingError
from aurora_dash.runs.status import RunState
from aurora_dash.spec import VariableSpec
from aurora_dash.training.engine import train
from aurora_dash.training.plan import split_of
from aurora_dash.training.reading import samples_of
from tests.training.steps import fresh_step, parameters_of, with_changes
from tests.training.stops import after

NOW = {"optimiser__clip_norm": None, "optimiser__in_backward": True}
LATER = {"optimiser__clip_norm": None}


def _weights(step) -> dict[str, torch.Tensor]:
    return {n: v.clone() for n, v in step.comparer.module.state_dict().items()}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimiser__offload": True, "optimiser__ema_decay": 0.9},
        {"model__autocast": True, "model__weights_dtype": "bfloat16"},
        {"optimiser__clip_by": "value", "optimiser__clip_value": 1e-3},
        {"optimiser__clip_by": "adaptive", "optimiser__kind": "adafactor"},
        {"model__activation_checkpointing": True, "model__chunks": 2},
        {"trainable__parts": "lora"},
        {"rollout": {"kind": "backprop", "steps": 2}},
    ],
    ids=["plain", "offload", "half", "value", "adaptive", "chunks", "lora", "rollout"],
)
def test_steps_within_the_backward_pass_are_the_same_steps(spec, samples, options) -> None:
    """The same weights and numbers, digit by digit; and no gradient is left."""
    later, now = fresh_step(spec, **LATER, **options), fresh_step(spec, **NOW, **options)
    if "rollout" in options:
        samples = _with_two_targets(with_changes(spec, **options))
    for number in range(3):
        one, two = later(number, [samples[number]]), now(number, [samples[number]])
        assert two == pytest.approx(one, rel=1e-6)
        assert _same(_weights(later), _weights(now))
    assert all(p.grad is None for p in now.comparer.module.parameters())
    assert any(p.grad is not None for p in later.comparer.module.parameters())
    states = [copy.deepcopy(step.optimiser.state_dict()) for step in (later, now)]
    later.restore(states[1])
    now.restore(states[0])
    assert later(3, [samples[3]])["loss"] == now(3, [samples[3]])["loss"]
    assert _same(_weights(later), _weights(now))


def _with_two_targets(spec):
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    return samples_of(spec, opened.dataset, split_of(spec, opened.dataset).train)


def test_gradients_of_new_variables_are_measured_within_the_backward_pass(spec, samples) -> None:
    spec = spec.replace(variables=(VariableSpec(name="tcwv", mean=20, std=10),))
    inputs, targets = sample = samples[0]
    for batch in (inputs, *targets):
        batch.surf_vars["tcwv"] = 20 + torch.randn_like(batch.surf_vars["2t"])
    one, two = (fresh_step(spec, **options)(0, [sample]) for options in (LATER, NOW))
    assert two == pytest.approx(one, rel=1e-6)
    assert two["grad_norm/new_embeddings/surf_tcwv"] > 0
    limits = {"optimiser__clip_by": "value", "optimiser__clip_value": 1e-4}
    one, two = (fresh_step(spec, **options, **limits)(0, [sample]) for options in (LATER, NOW))
    assert two == pytest.approx(one, rel=1e-6)
    name = "new_embeddings/surf_tcwv"
    assert 0 < two[f"grad_norm_clipped/{name}"] < two[f"grad_norm/{name}"]


def test_a_loss_that_is_not_finite_changes_nothing(spec, samples) -> None:
    step = fresh_step(spec, **NOW)
    inputs, (target,) = samples[0]
    target.surf_vars["msl"][..., 3, 3] = math.inf
    before = parameters_of(step)
    with pytest.raises(NotFiniteError, match=r"\(in msl;.* The weights were left as they were"):
        step(0, [(inputs, (target,))])
    assert _same(parameters_of(step), before)
    for values in (*target.surf_vars.values(), *target.atmos_vars.values()):
        values[:] = math.nan
    with pytest.raises(TrainingError, match=r"all target values .* are missing"):
        step(0, [(inputs, (target,))])
    assert _same(parameters_of(step), before)


def test_a_gradient_that_is_not_finite_leaves_the_weights_finite(spec, samples) -> None:
    step = fresh_step(spec, **NOW)
    head = step.comparer.module.decoder.surf_heads["2t"].weight
    head.register_hook(lambda gradient: gradient * math.inf)
    before = parameters_of(step)
    with pytest.raises(NotFiniteError, match=r"\(in decoder;.* not finite counted as zero"):
        step(0, [samples[0]])
    after = parameters_of(step)
    assert all(value.isfinite().all() for value in after.values())
    name = next(n for n, p in step.comparer.module.named_parameters() if p is head)
    assert torch.equal(after[name], before[name])
    assert not _same(after, before)


def test_what_needs_all_gradients_first_is_refused(spec) -> None:
    with pytest.raises(SpecError, match="clip_norm = 1 limits the norm of all together"):
        with_changes(spec, optimiser__in_backward=True)
    with pytest.raises(SpecError, match=r"training.accumulate = 2 adds up the gradients"):
        with_changes(spec, **NOW, training__accumulate=2)


@pytest.mark.slow
def test_a_run_goes_on_exactly_after_a_stop(store, spec) -> None:
    spec = with_changes(spec, **NOW, optimiser__offload=True, model__offload_activations=True)
    whole, parted = store.create(spec), store.create(spec)
    assert train(whole).state is RunState.COMPLETED
    assert train(parted, should_stop=after(parted, 2)).state is RunState.STOPPED
    assert parted.status().step == 2
    assert train(parted).state is RunState.COMPLETED
    ends = [
        torch.load(run.checkpoints_folder / "step-00000006/model.pt", weights_only=True)
        for run in (whole, parted)
    ]
    assert _same(*ends)
