"""Runs with a saved checkpoint, without a training before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec

MakeRun = Callable[..., Run]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def small_spec() -> RunSpec:
    """A tiny random model on the smallest demo data: a forecast takes a tenth of a second."""
    demo = {"height": 16, "width": 16, "levels": [850, 500], "num_times": 10}
    return RunSpec.build(
        {
            "name": "small",
            "model": {"variant": "small", "source": "random", "size": "tiny"},
            "data": {"source": "demo", "demo": demo, "validation_fraction": 0.3},
        }
    )


@pytest.fixture
def make_run(store: RunStore) -> MakeRun:
    """A run of a spec with its untrained weights as checkpoint; `change` edits them first."""

    def make(spec: RunSpec, change: Callable[[dict], None] | None = None, step: int = 0) -> Run:
        from aurora_dash.model.build import build_model
        from aurora_dash.training.checkpoints import CheckpointStore
        from aurora_dash.training.snapshot import Snapshot

        run = store.create(spec)
        model = build_model(spec, store=store)
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        if change is not None:
            change(weights)
        snapshot = Snapshot(
            step=step,
            epoch=0.0,
            weights=weights,
            optimiser={},
            statistics=model.statistics,
            device="cpu",
            threads=1,
        )
        CheckpointStore(run).save(snapshot, best=True)
        return run

    return make
