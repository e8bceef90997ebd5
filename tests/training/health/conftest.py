"""Records as a trainer writes them: recorded from real runs, or made up to go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from aurora_dash.runs.alerts import Alert
from aurora_dash.spec import DataSpec, DemoSpec, OptimiserSpec, RunSpec, TrainingSpec, VariableSpec
from aurora_dash.training.health.monitor import HealthMonitor

STREAMS = Path(__file__).parent / "streams"

Records = list[dict[str, Any]]


@pytest.fixture
def learner() -> RunSpec:
    """The spec of the recorded streams: a tiny model that learns a new variable."""
    return RunSpec(
        name="learner",
        data=DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=40)),
        variables=(VariableSpec(name="tcwv", unit="kg m-2"),),
        optimiser=OptimiserSpec(lr=1e-3, warmup_steps=10),
        training=TrainingSpec(
            steps=220, device="cpu", threads=1, validate_every=20, checkpoint_every=50
        ),
    )


@pytest.fixture
def stream() -> Callable[[str], Records]:
    """`stream(name)`: the records of a real run of `learner`."""

    def read(name: str) -> Records:
        lines = (STREAMS / f"{name}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return read


@pytest.fixture
def alerts_in() -> Callable[..., list[Alert]]:
    """`alerts_in(spec, records)`: all alerts that the rules make of records."""

    def watch(spec: RunSpec, records: Iterable[dict[str, Any]]) -> list[Alert]:
        monitor = HealthMonitor(spec)
        return [alert for record in records for alert in monitor.observe(record)[0]]

    return watch
