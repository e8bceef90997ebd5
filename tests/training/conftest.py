"""A tiny model, a little synthetic weather, runs in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from aurora import Batch, Metadata

from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.source import open_data
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import DataSpec, DemoSpec, OptimiserSpec, RunSpec, TrainingSpec
from aurora_dash.training.plan import split_of
from aurora_dash.training.step import TrainingStep

torch.set_num_threads(1)

MakeBatch = Callable[..., Batch]


@pytest.fixture
def spec() -> RunSpec:
    """Trains in well under a second: a tiny model, 16 x 16 points, 2 levels, 12 times."""
    return RunSpec(
        name="tiny",
        data=DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=12)),
        optimiser=OptimiserSpec(lr=1e-3, warmup_steps=2),
        training=TrainingSpec(
            steps=6, batch_size=2, device="cpu", threads=1, validate_every=3, checkpoint_every=3
        ),
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore, spec: RunSpec) -> Run:
    return store.create(spec)


@pytest.fixture(scope="session")
def batch_of() -> MakeBatch:
    """`batch_of(surface, atmospheric, levels)`: a batch of given tensors (b, t[, c], h, w)."""

    def make(
        surface: dict[str, torch.Tensor] | None = None,
        atmospheric: dict[str, torch.Tensor] | None = None,
        levels: tuple[int, ...] = (850, 500),
    ) -> Batch:
        first = next(iter({**(surface or {}), **(atmospheric or {})}.values()))
        height, width = first.shape[-2:]
        return Batch(
            surf_vars=surface or {},
            static_vars={},
            atmos_vars=atmospheric or {},
            metadata=Metadata(
                lat=torch.linspace(60, 50, height),
                lon=torch.linspace(5, 15, width),
                time=(datetime(2025, 6, 1, tzinfo=UTC),) * first.shape[0],
                atmos_levels=levels,
            ),
        )

    return make


@pytest.fixture
def samples(spec: RunSpec) -> WindowSamples:
    """The training samples of `spec`."""
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    split = split_of(spec, opened.dataset)
    return WindowSamples(opened.dataset, split.train, VariableNames.of(spec))


@pytest.fixture
def built(spec: RunSpec) -> BuiltModel:
    return build_model(spec)


@pytest.fixture
def step(built: BuiltModel, spec: RunSpec) -> TrainingStep:
    """A training step of a run of 6 steps."""
    return TrainingStep(built, spec, torch.device("cpu"), 6)
