"""Run commands in this process, with a stand-in for the training engine where need be."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aurora_dash.cli import main
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run, RunStore


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Outcome(code, out, err)

    return run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """The store that commands use without ``--runs``."""
    return RunStore(tmp_path / "default-runs")


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """An engine that records three steps; a run named ``bad`` fails. Collects what it trained."""
    trained: list[Run] = []

    def train(run: Run, *, should_stop: Callable[[], bool]) -> None:
        trained.append(run)
        with own(run) as owner:
            owner.update(state="running", total_steps=3)
            if run.spec().name == "bad":
                owner.update(state="failed", reason="Loss of 2t is NaN.", remedy="Lower the rate.")
                return
            with MetricsWriter(run.metrics_path) as metrics:
                metrics.write(
                    {"step": 0, "split": "validation", "loss": 0.9, "persistence_loss": 0.5}
                )
                for step, loss in enumerate((0.5, 0.25, 0.375), start=1):
                    metrics.write({"step": step, "split": "train", "loss": loss})
                metrics.write({"step": 3, "split": "validation", "loss": 0.75})
            owner.update(state="completed", step=3, last_loss=0.375, best_loss=0.75)

    engine = types.SimpleNamespace(train=train)
    monkeypatch.setitem(sys.modules, "aurora_dash.training.engine", engine)
    return trained
