"""Tiny models and hand-made batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import torch
from aurora import Batch, Metadata

from aurora_dash.spec import ModelSpec, RunSpec
from aurora_dash.variables import Group

torch.set_num_threads(1)

LEVELS = (1000, 500)
MEANS = {
    Group.SURFACE: {"2t": 280.0, "10u": 1.0, "10v": -1.0, "msl": 101_000.0},
    Group.STATIC: {"lsm": 0.5, "slt": 3.0},
    Group.ATMOSPHERIC: {"z": 30_000.0, "t": 260.0, "q": 0.003},
}

MakeBatch = Callable[..., Batch]


def _make_batch(spec: RunSpec, *, size: int = 1, history: int = 2, seed: int = 0) -> Batch:
    """Random fields around plausible values on a grid of 16 x 32 points, 2 levels."""
    generator = torch.Generator().manual_seed(seed)

    def fields(group: Group, *shape: int) -> dict[str, torch.Tensor]:
        noise = {name: torch.randn(shape, generator=generator) for name in spec.names(group)}
        means = MEANS[group]
        return {name: means.get(name, 1.0) * (1 + 0.05 * x) for name, x in noise.items()}

    return Batch(
        surf_vars=fields(Group.SURFACE, size, history, 16, 32),
        static_vars=fields(Group.STATIC, 16, 32),
        atmos_vars=fields(Group.ATMOSPHERIC, size, history, len(LEVELS), 16, 32),
        metadata=Metadata(
            lat=torch.linspace(60, 45, 16),
            lon=torch.linspace(5, 36, 32),
            time=tuple(datetime(2025, 6, 1 + i, 6, tzinfo=UTC) for i in range(size)),
            atmos_levels=LEVELS,
        ),
    )


@pytest.fixture
def make_batch() -> MakeBatch:
    """`make_batch(spec, size=1, history=2, seed=0)`."""
    return _make_batch


@pytest.fixture
def tiny_spec() -> RunSpec:
    return RunSpec(model=ModelSpec(variant="small", source="random", size="tiny"))
