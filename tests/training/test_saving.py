from __future__ import annotations

import pytest
import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.runs.status import RunState
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.engine import train
from aurora_dash.training.saving import resume
from aurora_dash.training.step import TrainingStep


class Counter:
    """A part that must survive a resume."""

    def __init__(self) -> None:
        self.count = 0

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.count = state["count"]


def test_a_part_survives_a_resume_and_its_absence_is_said(run, built, step, monkeypatch) -> None:
    first, second = Counter(), Counter()
    first.count = 5
    monkeypatch.setattr(TrainingStep, "parts", {"counter": first})
    assert train(run).state is RunState.COMPLETED
    monkeypatch.setattr(TrainingStep, "parts", {"counter": second, "other": Counter()})

    class Resumed:
        def resume(self, **values: object) -> None:
            self.values = values

    trainer = Resumed()
    resume(run, CheckpointStore(run), trainer, built, step, step.parts)
    assert second.count == 5
    assert trainer.values["step"] == 6
    warnings = [e["message"] for e in run.events() if e["level"] == "warning"]
    assert warnings == ["step-00000006 holds no other: it begins anew."]


def test_a_part_that_does_not_fit_is_refused(run, monkeypatch) -> None:
    class Picky(Counter):
        def load_state_dict(self, state: dict[str, int]) -> None:
            raise ValueError("expected 3 values")

    monkeypatch.setattr(TrainingStep, "parts", {"counter": Picky()})
    train(run)
    run.save_spec(run.spec().with_overrides(["training.steps=8"]))
    result = train(run)
    assert result.state is RunState.FAILED
    assert result.reason.startswith("The state of counter in step-00000006 does not fit this run")
    assert "expected 3 values" in result.reason


def test_a_resume_restores_nothing_without_a_checkpoint(run, built, step) -> None:
    before = {name: value.clone() for name, value in built.state_dict().items()}
    resume(run, CheckpointStore(run), None, built, step, {})
    assert all(torch.equal(value, before[name]) for name, value in built.state_dict().items())
    with pytest.raises(CheckpointError):
        CheckpointStore(run).load()
