from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from aurora import Batch, Metadata
from aurora.rollout import _advance_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.runs.status import RunState
from aurora_dash.spec import LossSpec, RunSpec
from aurora_dash.training.engine import train
from aurora_dash.training.loss import build_loss
from aurora_dash.training.order import mix_seed
from aurora_dash.training.rollout.crps import fair_crps
from aurora_dash.training.step import TrainingStep
from tests.training.stops import after

pytestmark = pytest.mark.slow

FLOATS = st.floats(-5, 5, width=32)


def crps_by_loops(members: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """E|X - Y| - 1/2 E|X - X'| by the fair estimator, at each point, with two plain loops."""
    m = len(members)
    error = sum(abs(member - observed) for member in members) / m
    spread = 0.0
    for i in range(m):
        for j in range(m):
            spread = spread + abs(members[i] - members[j])
    return error - spread / (2 * m * (m - 1))


def _spec(**weights: float) -> RunSpec:
    return RunSpec(loss=LossSpec(targets=tuple(weights), weights=weights, gamma=2.0))


@settings(deadline=None, max_examples=40)
@given(
    members=arrays.arrays(np.float32, st.tuples(st.integers(2, 5), st.just(4)), elements=FLOATS),
    observed=arrays.arrays(np.float32, 4, elements=FLOATS),
    missing=st.sets(st.integers(0, 3), max_size=3),
)
def test_it_is_the_double_sum_over_members(batch_of, members, observed, missing) -> None:
    observed = observed.copy()
    observed[list(missing)] = np.nan
    there = [i for i in range(4) if i not in missing]

    def batch(values: np.ndarray):
        return batch_of({"2t": torch.from_numpy(values.reshape(1, 1, 2, 2).copy())})

    found = fair_crps(
        build_loss(_spec(**{"2t": 3.0})), [batch(m) for m in members], batch(observed)
    )
    expected = crps_by_loops(members[:, there].astype(float), observed[there].astype(float)).mean()
    assert found.by_variable["2t"].item() == pytest.approx(expected, abs=1e-5)
    assert found.total.item() == pytest.approx(2.0 * 0.25 * 3.0 * expected, abs=1e-5)
    assert found.num_compared.item() == len(there)


def test_levels_and_variables_are_weighted_like_absolute_errors(batch_of) -> None:
    generator = np.random.default_rng(3)
    surface = generator.normal(size=(4, 1, 1, 2, 3)).astype(np.float32)
    levels = generator.normal(size=(4, 1, 1, 2, 2, 3)).astype(np.float32)
    batches = [
        batch_of({"msl": torch.from_numpy(s)}, {"t": torch.from_numpy(a)})
        for s, a in zip(surface, levels, strict=True)
    ]
    found = fair_crps(build_loss(_spec(msl=1.6, t=1.7)), batches[:3], batches[3])
    by_hand = crps_by_loops(surface[:3], surface[3]).mean(), crps_by_loops(levels[:3], levels[3])
    assert found.by_variable["t/850"].item() == pytest.approx(by_hand[1][..., 0, :, :].mean())
    expected = 2.0 / 2 * (0.25 * 1.6 * by_hand[0] + 1.7 * by_hand[1].mean())
    assert found.total.item() == pytest.approx(expected, rel=1e-5)


@given(st.integers(2, 4), st.integers(0, 2**31))
@settings(deadline=None, max_examples=10)
def test_its_mean_is_that_of_an_endless_ensemble_whatever_the_number_of_members(m, seed) -> None:
    """What makes it fair; for X, Y ~ N(0, 1) it is 2 / sqrt(pi) (1 - 1/2)."""
    values = torch.randn(m + 1, 1, 1, 200, 500, generator=torch.Generator().manual_seed(seed))
    loss = build_loss(_spec(**{"2t": 1.0}))
    batches = [_plain(value) for value in values]
    found = fair_crps(loss, batches[:m], batches[m]).by_variable["2t"].item()
    assert found == pytest.approx(1 / math.sqrt(math.pi), abs=0.015)


def _plain(values: torch.Tensor):
    latitudes, longitudes = torch.linspace(80, -80, 200), torch.linspace(0, 359, 500)
    metadata = Metadata(latitudes, longitudes, (datetime(2025, 1, 1, tzinfo=UTC),), (500,))
    return Batch({"2t": values}, {}, {}, metadata)


@pytest.mark.parametrize("steps", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_ensemble_is_trained_like_a_loop_over_its_members(prepare, steps) -> None:
    """Loss and gradients of three members, each a forecast of its own, drawn one after another."""
    rollout = ["rollout.kind=backprop", "rollout.steps=2"] if steps == 2 else []
    options = ["model.variant=v1.5-ensemble", "rollout.members=3", *rollout]
    spec, built, samples = prepare(*options)
    inputs, targets = samples[0]
    step = TrainingStep(built, spec, torch.device("cpu"), 6)
    terms = step.comparer.forecast(inputs, targets, draw=5)
    terms.total.backward()
    found = {n: p.grad for n, p in built.module.named_parameters() if p.grad is not None}

    _, other, _ = prepare(*options)
    module = other.module
    crps = []
    with OwnRandomness(mix_seed(spec.training.seed, 5)):
        members = [inputs] * 3
        for target in targets:
            wanted = module.normalise_for_loss(target)
            predictions = [module.predict_normalised(member, 6.0) for member in members]
            errors = [step.comparer._loss(p, wanted).total for p in predictions]
            spreads = [
                step.comparer._loss(a, b).total for a, b in itertools.permutations(predictions, 2)
            ]
            crps.append(sum(errors) / 3 - sum(spreads) / (2 * 3 * 2))
            physical = [module.to_physical(p) for p in predictions]
            members = [
                _advance_batch(m.crop(4), module.apply_rollout_input_clipping(p))
                for m, p in zip(members, physical, strict=True)
            ]
    (sum(crps) / steps).backward()
    assert terms.total.item() == pytest.approx((sum(crps) / steps).item(), rel=1e-5)
    assert all(a.item() > 0 for a in spreads)
    expected = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys()
    scale = max(value.abs().max() for value in expected.values())
    assert all((found[n] - value).abs().max() < 1e-4 * scale for n, value in expected.items())
    assert found["backbone.noise_mlp.0.weight"].abs().max() > 0


ENSEMBLE = (
    *("model.variant=v1.5-ensemble", "rollout.members=2", "rollout.kind=backprop"),
    *("rollout.steps=2", "training.steps=6"),
)


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["default", "stages", "blocks"])
def test_activation_checkpointing_draws_the_same_noise(prepare, layers) -> None:
    recomputed = ("model.activation_checkpointing=true", f"model.checkpointed_layers={layers}")
    found = []
    for options in ((), recomputed):
        spec, built, samples = prepare(*ENSEMBLE, *options)
        TrainingStep(built, spec, torch.device("cpu"), 6)(0, [samples[0]])
        gradients = [p.grad for p in built.module.parameters() if p.grad is not None]
        found.append(gradients)
    assert len(found[0]) == len(found[1])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.slow
def test_an_ensemble_that_was_stopped_goes_on_as_if_it_had_not_been(store, spec) -> None:
    spec = spec.with_overrides([*ENSEMBLE, 'loss.targets=["2t", "z"]'])
    whole, cut = store.create(spec), store.create(spec)
    assert train(whole).state == RunState.COMPLETED, whole.status().reason
    assert train(cut, should_stop=after(cut, 3)).state == RunState.STOPPED
    assert cut.status().step == 3
    assert train(cut).state == RunState.COMPLETED
    for name in ("loss", "grad_norm", "lead_loss/6", "lead_loss/12"):
        expected = whole.metrics().column(name)
        assert np.isfinite(expected).all()
        np.testing.assert_array_equal(cut.metrics().column(name), expected)
    assert np.isfinite(whole.metrics().column("lead_loss/12", "validation")).all()
