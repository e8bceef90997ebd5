"""One pass of a spec there and back, for comparing encoder and decoder whole and in chunks."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.data.batches import Sample, VariableNames, WindowSamples, collate
from aurora_dash.data.source import open_data
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.groups import canonical_name
from aurora_dash.model.statistics import resolve_statistics
from aurora_dash.spec import RunSpec
from aurora_dash.training.comparer import Comparer
from aurora_dash.training.plan import split_of

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Passed:
    """What came out of one pass."""

    values: dict[str, Tensor]
    """All that the decoder gave, by step and variable."""
    gradients: dict[str, Tensor]
    loss: Tensor
    """That of training, with its masks and weights."""


def spec_of(variant: str, *, rows: int = 0, **parts: Any) -> RunSpec:
    """A tiny model on synthetic weather: 8 rows of patches, and `rows` points more, 6 columns."""
    patch = {"0.1-finetuned": 10, "0.4-air-pollution": 3}.get(variant, 4)
    demo = {"height": 8 * patch + rows, "width": 6 * patch, "levels": [850, 500], "num_times": 9}
    return RunSpec.build(
        {
            **parts,
            "model": {"variant": variant, **parts.get("model", {})},
            "data": {"demo": demo},
        }
    )


def two_samples(spec: RunSpec) -> tuple[RunSpec, Sample]:
    """Two samples as one batch, and the spec with the statistics of its new variables."""
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    windows = split_of(spec, opened.dataset).train[:2]
    samples = WindowSamples(opened.dataset, windows, VariableNames.of(spec))
    return resolve_statistics(spec, opened.dataset, None), collate([samples[0], samples[1]])


def with_model(spec: RunSpec, **changes: Any) -> RunSpec:
    """The spec with other options of its model."""
    return spec.replace(model=spec.model.replace(**changes))


def built(spec: RunSpec, *, double: bool) -> BuiltModel:
    """The model with every weight moved, so that none of its parts is without effect.

    New models have zeros where LoRA and the backbone's modulation begin.
    """
    model = build_model(spec)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for _, weight in sorted(model.state_dict().items()):
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    model.module.to(torch.float64 if double else torch.float32)
    return model


def passed(spec: RunSpec, sample: Sample, *, double: bool) -> Passed:
    """Predict with all steps that the sample has targets for, and differentiate.

    The backward pass begins at the decoder's own output: behind it Aurora rounds to single
    precision.
    """
    model = built(spec, double=double)
    outputs: list[Batch] = []
    model.module.decoder.register_forward_hook(lambda _, __, output: outputs.append(output))
    comparer = Comparer(model, spec, _CPU)
    with torch.enable_grad():
        terms = comparer.forecast(sample[0], sample[1], draw=1)
    values = {f"{i} {name}": v for i, b in enumerate(outputs) for name, v in _named(b).items()}
    total = functools.reduce(Tensor.add, (v.square().mean() for v in values.values()))
    torch.autograd.backward(total)
    return Passed(
        values={name: value.detach() for name, value in values.items()},
        gradients={
            canonical_name(name): parameter.grad
            for name, parameter in model.module.named_parameters()
            if parameter.grad is not None
        },
        loss=terms.total.detach(),
    )


def apart(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The largest relative distance between tensors of the same name.

    Tensors that are next to nothing beside the others count as a millionth of all: attention does
    not see a bias on all its keys, whose gradient is nothing but rounding.
    """
    assert list(found) == list(expected)
    assert found
    least = 1e-6 * _flat(expected).norm()
    return max(_distance(found[name], expected[name], least) for name in expected)


def all_apart(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The relative distance of all tensors taken as one."""
    return _distance(_flat(found), _flat(expected), torch.tensor(0.0))


def _distance(found: Tensor, expected: Tensor, least: Tensor) -> float:
    return float((found - expected).norm() / torch.maximum(expected.norm(), least))


def _flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors.values()])


def _named(batch: Batch) -> dict[str, Tensor]:
    return {**batch.surf_vars, **{f"{n} on levels": v for n, v in batch.atmos_vars.items()}}
