"""Training steps of fresh models, for tests that compare ways to take them."""

from __future__ import annotations

import json

import torch

from aurora_dash.model.build import build_model
from aurora_dash.spec import RunSpec
from aurora_dash.training.step import TrainingStep


def with_changes(spec: RunSpec, **changes: object) -> RunSpec:
    """A spec with `changes` by dotted field, the dots doubled underscores."""
    return spec.with_overrides(
        [f"{key.replace('__', '.')}={json.dumps(value)}" for key, value in changes.items()]
    )


def fresh_step(spec: RunSpec, **changes: object) -> TrainingStep:
    """A step of a new model, always the same one."""
    spec = with_changes(spec, **changes)
    built = build_model(spec)
    # At first much of the gradient is exactly zero: adaptive layer norms begin at zero.
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in built.module.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return TrainingStep(built, spec, torch.device("cpu"), 6)


def parameters_of(step: TrainingStep) -> dict[str, torch.Tensor]:
    """Copies of a model's weights by name."""
    return {n: p.detach().clone() for n, p in step.comparer.module.named_parameters()}
