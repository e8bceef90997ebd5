"""A LoRA that was trained on forecasts of several steps is judged in the steps it acts in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training.engine import train


def _moved(weights: dict[str, torch.Tensor]) -> None:
    """On random weights a LoRA learns nothing: adaptive norms begin at zero."""
    generator = torch.Generator().manual_seed(2)
    for name, value in weights.items():
        if ".lora_B" not in name:
            value += 0.02 * torch.randn(value.shape, generator=generator)


@pytest.mark.slow
def test_the_first_step_scores_as_before_and_the_second_better(
    make_run: Any, store: RunStore, small_spec: RunSpec, tmp_path: Path
) -> None:
    base = small_spec.with_overrides(["model.use_lora=true", "model.lora_mode=from_second"])
    before = make_run(base, _moved)
    run = store.create(
        base.with_overrides(
            [
                *("model.source=run", f"model.run={before.id}", "optimiser.lr=0.01"),
                *("trainable.parts=lora", "trainable.lora.kind=package"),
                *("rollout.kind=backprop", "rollout.steps=2", "training.steps=25"),
                *("training.device=cpu", "training.threads=1"),
            ]
        )
    )
    assert train(run).state == RunState.COMPLETED, run.status().reason
    request = EvaluationRequest.build(
        {"run": run.id, "checkpoint": "last", "device": "cpu", "leads": 2, "split": "train"}
    )
    result = evaluate(request, tmp_path / "out", store=store)
    found = {
        source: {
            (s.variable, s.level, s.lead_hours, s.metric): s.value
            for s in result.scores
            if s.source == source
        }
        for source in ("model", "initial")
    }
    model, initial = found["model"], found["initial"]
    assert {lead for _, _, lead, _ in model} == {6, 12}
    first = [key for key in model if key[2] == 6]
    assert {key: model[key] for key in first} == {key: initial[key] for key in first}
    second = [key for key in model if key[2] == 12 and key[3] == "rmse"]
    better = [model[key] < initial[key] for key in second]
    assert sum(better) > 0.7 * len(better)
