"""Forecasts that go on in every variant, as Aurora's own rollout has them."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from aurora.rollout import rollout

from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.runs.status import RunState
from aurora_dash.training.engine import train
from aurora_dash.training.rollout.chain import Chain
from aurora_dash.training.step import TrainingStep
from aurora_dash.variants import VARIANTS, Variant

CPU = torch.device("cpu")


def _options(variant: Variant) -> list[str]:
    size = 12 * variant.patch_size
    return [
        *(f"model.variant={variant.id}", "rollout.kind=backprop", "rollout.steps=3"),
        *(f"data.demo.height={size}", f"data.demo.width={size}", "data.demo.num_times=8"),
    ]


def _assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(found[name].nan_to_num(-1), values.nan_to_num(-1)), name


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_predictions_re_enter_as_in_auroras_rollout(prepare, variant: Variant) -> None:
    _, built, samples = prepare(*_options(variant))
    inputs, targets = samples[0]
    module = built.module.eval()

    def noise() -> AbstractContextManager[object]:
        return OwnRandomness(3) if module.is_stochastic else nullcontext()

    with torch.no_grad():
        with noise():
            expected = list(rollout(module, inputs, 3))
        chain = Chain(module, inputs, CPU)
        with noise():
            for wanted, target in zip(expected, targets, strict=True):
                prediction = chain.predict()
                physical = module.to_physical(prediction)
                _assert_same(physical.surf_vars, wanted.surf_vars)
                _assert_same(physical.atmos_vars, wanted.atmos_vars)
                assert physical.metadata.time == wanted.metadata.time == target.metadata.time
                chain.advance(prediction)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
@pytest.mark.parametrize("kind", ["backprop", "replay"])
def test_every_variant_is_trained_on_forecasts(prepare, store, variant: Variant, kind: str) -> None:
    spec, built, samples = prepare(*_options(variant), f"rollout.kind={kind}", "training.steps=3")
    if kind == "backprop":
        record = TrainingStep(built, spec, CPU, 3)(0, [samples[0]])
        assert math.isfinite(record["grad_norm"])
        assert record["grad_norm"] > 0
        hours = variant.timestep_hours
        assert {f"lead_loss/{hours * n}" for n in (1, 2, 3)} <= record.keys()
        return
    run = store.create(spec.with_overrides(["training.batch_size=1"]))
    assert train(run).state == RunState.COMPLETED, run.status().reason
    assert run.metrics().column(f"lead_loss/{3 * variant.timestep_hours}").size
