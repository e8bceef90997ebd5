"""In chunks every variant forecasts the same, and learns the same, along all its special paths.

Gradients of whole and cut differ by the order of sums alone: by 1e-12 in double precision, which
would not hide a patch at the wrong place or an encoding of another one.
"""

from __future__ import annotations

import pytest
import torch

from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.spec import RunSpec
from aurora_dash.variants import VARIANTS
from tests.model.chunked import (
    all_apart,
    apart,
    built,
    passed,
    spec_of,
    two_samples,
    with_model,
)

pytestmark = pytest.mark.slow

NEW = [
    {"name": "given", "source_name": "2t", "role": "input"},
    {"name": "asked", "source_name": "2t", "role": "output"},
    {"name": "both", "source_name": "msl"},
    {"name": "mask", "source_name": "lsm", "group": "static"},
    {"name": "aloft", "source_name": "t", "group": "atmospheric"},
    {"name": "asked_aloft", "source_name": "t", "group": "atmospheric", "role": "output"},
]
TWO_STEPS = {"kind": "backprop", "steps": 2}

CASES = {
    **{variant.id: spec_of(variant.id, rows=1) for variant in VARIANTS},
    "new variables": spec_of("small", variables=NEW),
    "new variables with level conditions": spec_of("0.4-air-pollution", variables=NEW),
    "added perceiver and modulation": spec_of(
        "small",
        variables=NEW,
        model={"separate_perceiver": ["q", "aloft"], "modulation_heads": ["both", "aloft"]},
    ),
    "stabilised aggregation": spec_of("small", model={"stabilise_level_agg": True}),
    "two steps": spec_of("small", rows=1, rollout=TWO_STEPS),
    "two steps of differences": spec_of("0.4-air-pollution", rollout=TWO_STEPS),
    "two steps of members": spec_of("v1.5-ensemble", rollout=TWO_STEPS | {"members": 2}),
    "attached LoRA alone": spec_of("small", trainable={"parts": "lora"}),
    "the package's LoRA alone": spec_of(
        "0.25-finetuned", trainable={"parts": "lora", "lora": {"kind": "package"}}
    ),
    "decoder alone": spec_of("small", trainable={"parts": "groups", "groups": ["decoder"]}),
    "encoder alone": spec_of("small", trainable={"parts": "groups", "groups": ["encoder"]}),
    "new variables alone": spec_of("small", variables=NEW, trainable={"parts": "new"}),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_without_chunks(name: str) -> None:
    spec, sample = two_samples(CASES[name])
    # Eight rows make bands of 3, 3 and 2.
    chunked = with_model(spec, chunks=3, activation_checkpointing=True)
    expected, found = (passed(s, sample, double=True) for s in (spec, chunked))
    assert apart(found.values, expected.values) <= 1e-14
    assert apart(found.gradients, expected.gradients) <= 1e-12
    assert any(gradient.any() for gradient in expected.gradients.values())

    single, cut = (passed(s, sample, double=False) for s in (spec, chunked))
    assert apart(cut.values, single.values) <= 1e-6
    assert all_apart(cut.gradients, single.gradients) <= 1e-6
    assert cut.loss.item() == pytest.approx(single.loss.item(), rel=1e-6)


@pytest.mark.parametrize("chunks", [1, 2, 5, 8, 100])
def test_any_number_of_chunks_will_do(chunks: int) -> None:
    spec, sample = two_samples(spec_of("small"))
    expected = passed(spec, sample, double=True)
    found = passed(with_model(spec, chunks=chunks), sample, double=True)
    assert apart(found.values, expected.values) <= 1e-14
    assert apart(found.gradients, expected.gradients) <= 1e-12


def test_the_grid_may_be_curvilinear(make_batch) -> None:
    spec = RunSpec.build({"model": {"variant": "small"}})
    batch = make_batch(spec)
    lat, lon = torch.meshgrid(batch.metadata.lat, batch.metadata.lon, indexing="ij")
    # A grid that leans: each column a little further south, each row a little further east.
    batch.metadata.lat = lat - torch.linspace(0, 3, 32)
    batch.metadata.lon = lon + torch.linspace(0, 7, 16)[:, None]

    def forecast(module: OwnStatistics) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        prediction = module.double().predict_normalised(batch)
        assert torch.equal(prediction.metadata.lat, batch.metadata.lat)
        assert torch.equal(prediction.metadata.lon, batch.metadata.lon)
        values = {**prediction.surf_vars, **{f"{k}*": v for k, v in prediction.atmos_vars.items()}}
        sum(value.square().mean() for value in values.values()).backward()
        values = {name: value.detach() for name, value in values.items()}
        return values, {n: p.grad for n, p in module.named_parameters() if p.grad is not None}

    whole = forecast(built(spec, double=True).module)
    cut = forecast(built(with_model(spec, chunks=3), double=True).module)
    assert apart(cut[0], whole[0]) <= 1e-6
    assert apart(cut[1], whole[1]) <= 1e-6


@pytest.mark.parametrize("variant", [variant.id for variant in VARIANTS])
def test_all_parts_train_in_bfloat16_and_in_chunks(variant: str) -> None:
    halves = {"autocast": True, "autocast_encoder": True, "autocast_decoder": True}
    spec, sample = two_samples(spec_of(variant, model=halves))
    chunked = with_model(spec, chunks=3, activation_checkpointing=True)
    expected, found = (passed(s, sample, double=False) for s in (spec, chunked))
    # Rows meet the same rounding wherever they are; sums over them are rounded to 8 bits.
    assert apart(found.values, expected.values) <= 4e-3
    assert all_apart(found.gradients, expected.gradients) <= 1e-2
    assert all(torch.isfinite(gradient).all() for gradient in found.gradients.values())


def test_an_ensemble_draws_the_same_numbers_in_chunks() -> None:
    spec, (inputs, _) = two_samples(spec_of("v1.5-ensemble"))

    def forecast(spec: RunSpec, seed: int) -> torch.Tensor:
        module = built(spec, double=True).module
        with OwnRandomness(seed), torch.no_grad():
            return module.predict(inputs).surf_vars["2t"]

    whole = forecast(spec, 1)
    assert torch.equal(forecast(with_model(spec, chunks=3), 1), whole)
    assert not torch.equal(forecast(spec, 2), whole)
