from __future__ import annotations

import errno
import json
import time

import pytest
import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import RunStore
from aurora_dash.training import snapshot
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.engine import train
from aurora_dash.training.saving import resume
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.stopping import Best


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
        best = Best()

        def resume(self, **values: object) -> None:
            self.values = values

    trainer = Resumed()
    resume(run, CheckpointStore(run), trainer, built, step, step.parts, 1)
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
    resume(run, CheckpointStore(run), None, built, step, {}, 1)
    assert all(torch.equal(value, before[name]) for name, value in built.state_dict().items())
    with pytest.raises(CheckpointError):
        CheckpointStore(run).load()


@pytest.mark.slow
def test_training_goes_on_while_a_checkpoint_is_written(run, monkeypatch) -> None:
    original, began, steps_meanwhile = snapshot._save, [], []

    def slow(path, content) -> str:
        """A disk that takes longer for the first checkpoint than two more steps do."""
        if not began:
            began.append(path.parent.name)
            while run.metrics().num_rows() < 5:
                time.sleep(0.01)
            steps_meanwhile.append(run.metrics().num_rows())
        return original(path, content)

    monkeypatch.setattr(snapshot, "_save", slow)
    result = train(run)
    assert result.state is RunState.COMPLETED
    assert "step-00000003" in began[0]
    assert steps_meanwhile == [5]
    # What was saved is the state after three steps all the same, as it is without the delay.
    whole = RunStore(run.folder.parent).create(run.spec())
    monkeypatch.undo()
    train(whole)
    for name in ("step-00000003", "step-00000006"):
        late, prompt = (CheckpointStore(r).load(name) for r in (run, whole))
        assert all(torch.equal(late.weights[k], v) for k, v in prompt.weights.items())
        states = (late.optimiser["state"], prompt.optimiser["state"])
        assert all(torch.equal(states[0][k]["exp_avg"], v["exp_avg"]) for k, v in states[1].items())
    assert run.metrics().column("save_seconds").tolist()[3] > 0


def test_what_writing_met_ends_the_run_with_its_reason(run, monkeypatch) -> None:
    def broken(path, content) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(snapshot, "_save", broken)
    result = train(run)
    assert result.state is RunState.FAILED
    assert "Input/output error" in result.reason
    assert "step-00000003" in result.reason


def test_another_machine_and_an_edited_spec_are_told(run) -> None:
    assert train(run).state is RunState.COMPLETED
    meta = run.checkpoints_folder / "step-00000006" / "meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"threads": 3}))
    run.save_spec(run.spec().with_overrides(["training.steps=8"]))
    assert train(run).steps == 8
    warnings = [e["message"] for e in run.events() if e["level"] == "warning"]
    assert any("threads 3 -> 1: from here on losses differ" in told for told in warnings)
    assert any("made with: training.steps 6 -> 8." in told for told in warnings)


def test_a_resume_where_nothing_changed_warns_of_nothing(run) -> None:
    train(run)
    train(run)
    resumed = [e["message"] for e in run.events()].index("resumed from step-00000006")
    assert not [e for e in run.events()[resumed:] if e["level"] == "warning"]
