"""Every variant at reduced width takes a step on synthetic weather, two samples at once."""

from __future__ import annotations

import hashlib
import math

import pytest
import torch

from aurora_dash.data.batches import Sample, VariableNames, WindowSamples, collate
from aurora_dash.data.source import open_data
from aurora_dash.model.build import build_model
from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec
from aurora_dash.training.comparer import Comparer
from aurora_dash.training.plan import split_of
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.validation import Validator
from aurora_dash.variants import VARIANTS


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_a_variant_trains_and_validates(variant) -> None:
    height, width = (40, 40) if variant.patch_size == 10 else (24, 24)
    demo = DemoSpec(height=height, width=width, levels=(850, 500), num_times=8)
    spec = RunSpec(model=ModelSpec(variant=variant.id), data=DataSpec(demo=demo))
    opened = open_data(spec.data, variant, ())
    windows = split_of(spec, opened.dataset).train[:2]
    samples = WindowSamples(opened.dataset, windows, VariableNames.of(spec))
    built = build_model(spec)
    step = TrainingStep(built, spec, torch.device("cpu"), 3)
    before = {name: value.clone() for name, value in built.state_dict().items()}

    sample = collate([samples[0], samples[1]])
    sums = _sums(sample)
    record = step(0, [sample])
    assert math.isfinite(record["loss"])
    assert _sums(sample) == sums, "neighbouring samples share memory: nothing may write to it"
    # Of order one, as all normalised losses: no variable or static field drowns the others.
    assert 0.05 < record["loss"] < 2
    parts = {name: value for name, value in record.items() if name.startswith("loss/")}
    assert max(parts.values()) < 3, max(parts, key=parts.__getitem__)
    assert 0 < record["grad_norm"] < 10
    surface = {name for name in variant.surface if name not in variant.computed}
    assert {f"loss/{name}" for name in surface} <= record.keys()
    assert {f"loss/{name}/850" for name in variant.atmospheric} <= record.keys()
    changed = [n for n, value in built.state_dict().items() if not torch.equal(value, before[n])]
    assert any(name.startswith("encoder.") for name in changed)
    assert any(name.startswith("decoder.") for name in changed)

    found = Validator(step.comparer, samples, 2)()
    assert math.isfinite(found["loss"])
    assert ("persistence_loss" in found) is (not variant.output_only)


def _sums(sample: Sample) -> list[str]:
    """A digest of each tensor of a sample."""
    batches = (sample[0], *sample[1])
    parts = (part for b in batches for part in (b.surf_vars, b.static_vars, b.atmos_vars))
    tensors = (tensor for part in parts for tensor in part.values())
    return [hashlib.sha256(tensor.contiguous().numpy()).hexdigest() for tensor in tensors]


def test_the_heads_that_say_where_waves_are_learn_too() -> None:
    demo = DemoSpec(height=24, width=24, levels=(850, 500), num_times=8)
    spec = RunSpec(model=ModelSpec(variant="0.25-wave"), data=DataSpec(demo=demo))
    dataset = open_data(spec.data, spec.model.catalogue_entry, ()).dataset.copy()
    # Ice on the first rows of a sea without land: no waves there.
    dataset["static_wmb"] = dataset["static_wmb"] * 0 + 100
    dataset["surf_swh"] = dataset["surf_swh"] * 0 + 2
    dataset["surf_swh"][:, :6] = 0
    windows = split_of(spec, dataset).train[:1]
    inputs, targets = WindowSamples(dataset, windows, VariableNames.of(spec))[0]
    built = build_model(spec)
    comparer = Comparer(built, spec, torch.device("cpu"))
    terms = comparer.forecast(inputs, targets, draw=0)
    torch.autograd.backward(terms.total)
    heads = dict(built.module.named_parameters())
    head = next(p for n, p in heads.items() if n.startswith("decoder.") and "swh_density" in n)
    assert head.grad is not None
    assert float(head.grad.abs().max()) > 0

    prediction = built.module.predict_normalised(inputs)
    probability = prediction.surf_vars["swh_density"][0, 0]
    wanted = torch.ones(24, 24)
    wanted[:6] = 0
    by_hand = float((probability.detach() - wanted).abs().mean())
    assert float(terms.by_variable["swh_density"]) == pytest.approx(by_hand, rel=1e-6)
    # A forecast that goes on, and one in physical units, know nothing of it.
    physical = built.module.to_physical(prediction)
    assert not [name for name in physical.surf_vars if name.endswith("_density")]
    assert not [n for n in built.module.predict(inputs).surf_vars if n.endswith("_density")]
    # Persistence is right about where the ice is: it does not move here.
    assert float(comparer.persistence(inputs, targets).by_variable["swh_density"]) == 0
