"""What is judged of a run that was trained on a mix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, select_scores
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import DataSpec, MixPart, RunSpec

pytestmark = pytest.mark.slow


@pytest.fixture
def mixed(make_run: Any, small_spec: RunSpec) -> Run:
    demo = small_spec.data.demo
    mix = (MixPart(name="one"), MixPart(name="two", demo=demo.replace(width=24, seed=3)))
    return make_run(small_spec.replace(data=small_spec.data.replace(mix=mix)))


def _evaluate(run: Run, folder: Path, **fields: Any) -> EvaluationResult:
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", "initial": False, **fields})
    return evaluate(request, folder, store=RunStore(run.folder.parent))


def _alone(part: str, spec: RunSpec) -> DataSpec:
    return next(one.data for one in spec.data.parts if one.name == part)


@pytest.mark.parametrize(("asked", "judged", "width"), [(None, "one", 16), ("two", "two", 24)])
def test_one_part_is_judged_as_if_it_were_the_only_data(
    mixed: Run, tmp_path: Path, asked: str | None, judged: str, width: int
) -> None:
    result = _evaluate(mixed, tmp_path / "mix", part=asked)
    assert result.summary.width == width
    other = "two" if judged == "one" else "one"
    said = f"Judged on the part {judged!r} of a mix alone, not on {other}."
    assert said in result.summary.warnings
    assert any("trained on" in warning for warning in result.summary.warnings)
    alone = _evaluate(mixed, tmp_path / "alone", data=_alone(judged, mixed.spec()))
    assert result.scores == alone.scores
    assert select_scores(result.scores, source="persistence", metric="rmse")


def test_a_part_that_is_not_there_is_refused(mixed: Run, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no part 'three'\. It has one, two"):
        _evaluate(mixed, tmp_path / "out", part="three")
    with pytest.raises(EvaluationError, match="It is no mix"):
        _evaluate(mixed, tmp_path / "out", part="one", data=_alone("one", mixed.spec()))
