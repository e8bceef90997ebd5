"""Tiny models whose every weight matters, and samples with several targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.source import open_data
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.spec import RunSpec
from aurora_dash.training.plan import split_of

Prepared = tuple[RunSpec, BuiltModel, WindowSamples]
Prepare = Callable[..., Prepared]


def prepare_training(spec: RunSpec, *assignments: str) -> Prepared:
    """The spec with `assignments`, its model with every weight moved, its training samples."""
    spec = spec.with_overrides(["data.validation_fraction=0", *assignments])
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    split = split_of(spec, opened.dataset)
    return spec, moved(spec), WindowSamples(opened.dataset, split.train, VariableNames.of(spec))


def moved(spec: RunSpec) -> BuiltModel:
    """At first much is zero, such as LoRA and adaptive norms, and hides mistakes."""
    built = build_model(spec)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in built.module.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return built


@pytest.fixture
def prepare(spec: RunSpec) -> Prepare:
    """`prepare(*assignments)`: spec, model and samples."""

    def make(*assignments: Any) -> Prepared:
        return prepare_training(spec, *assignments)

    return make
