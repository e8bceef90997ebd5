from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aurora_dash.errors import EvaluationError, RunError
from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import (
    EvaluationResult,
    EvaluationSummary,
    read_result,
    replacing,
    require_writable,
    select_scores,
    write_result,
)


def _score(level: float | None, value: float) -> Score:
    return Score(
        variable="t" if level else "2t",
        level=level,
        lead_hours=6,
        region="global",
        metric="rmse",
        value=value,
        unit="K",
        source="model",
    )


def _result(folder: Path, value: float = 1.5) -> EvaluationResult:
    summary = EvaluationSummary(
        request=EvaluationRequest(run="r"),
        checkpoint="run r, step-00000001",
        variant="small",
        synthetic=True,
        trained_on_synthetic=True,
        random_weights=True,
        sources=("model",),
        num_samples=2,
        samples_by_lead={6: 2},
        first_valid_time="2025-06-01T00:00Z",
        last_valid_time="2025-06-01T06:00Z",
        latitudes=(70, 55),
        longitudes=(5, 20),
        height=60,
        width=60,
        levels=(850, 2.5),
        map_samples=0,
    )
    scores = (_score(None, value), _score(850.0, 2.0), _score(2.5, 3.0))
    return EvaluationResult(folder=folder, scores=scores, summary=summary)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    result = _result(tmp_path / "new" / "folder")
    write_result(result)
    assert read_result(result.folder) == result
    assert result.fields_path is None
    records = json.loads((result.folder / "scores.json").read_text())
    assert records[1] == {
        "variable": "t", "level": 850, "lead_hours": 6, "region": "global",
        "metric": "rmse", "value": 2.0, "unit": "K", "source": "model",
    }  # fmt: skip
    assert [record["level"] for record in records] == [None, 850, 2.5]
    assert isinstance(records[1]["level"], int)


def test_scores_are_found_by_source_metric_and_region(tmp_path: Path) -> None:
    scores = _result(tmp_path).scores
    found = select_scores(scores, source="model", metric="rmse")
    assert found == {("2t", None, 6): 1.5, ("t", 850.0, 6): 2.0, ("t", 2.5, 6): 3.0}
    assert select_scores(scores, source="model", metric="rmse", region="tropics") == {}


def test_a_score_that_is_no_number_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_result(_result(tmp_path, value=float("nan")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["scores.json", "summary.json"])
@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"variable": "t"}]', None])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    write_result(_result(tmp_path))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(EvaluationError, match=name.replace(".", r"\.")):
        read_result(tmp_path)


def test_a_replacement_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with pytest.raises(RunError, match=r"Can't write .*a\.txt: No space left"), replacing(path):
        raise OSError(28, "No space left on device")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    with replacing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_place_that_can_not_be_written_to_is_refused_early(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file is not a folder"):
        require_writable(tmp_path / "file" / "out")
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(RunError, match="may not be written to"):
            require_writable(tmp_path / "locked" / "out")
