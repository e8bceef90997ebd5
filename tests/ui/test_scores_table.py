"""The table of scores: a row a field, a column a source, changes with the right sign."""

from __future__ import annotations

import pytest

from aurora_dash.evaluation.metrics import Score
from aurora_dash.ui.judging.scores import score_frame, verdict


def score(source: str, value: float, **more: object) -> Score:
    fields = {
        "variable": "2t",
        "level": None,
        "lead_hours": 6,
        "region": "global",
        "metric": "rmse",
        "unit": "K",
    }
    return Score(source=source, value=value, **{**fields, **more})  # type: ignore[arg-type]


SCORES = (
    score("model", 1.5),
    score("persistence", 2.0),
    score("initial", 1.0),
    score("model", 9.0, lead_hours=12),
    score("model", -0.3, metric="bias"),
    score("persistence", 0.1, metric="bias"),
    score("model", 400.0, variable="z", level=850.0, unit="m2 s-2"),
    score("persistence", 200.0, variable="z", level=850.0, unit="m2 s-2"),
)


def test_sources_stand_beside_each_other() -> None:
    frame = score_frame(SCORES, metric="rmse", lead_hours=6, region="global")
    assert list(frame["Variable"]) == ["2t", "z"]
    assert list(frame["Level (hPa)"]) == ["surface", "850"]
    assert list(frame["Unit"]) == ["K", "m² s⁻²"]
    assert frame.loc[0, ["Fine-tuned", "Persistence", "Before fine-tuning"]].tolist() == [1.5, 2, 1]


def test_a_change_below_zero_is_an_improvement() -> None:
    frame = score_frame(SCORES, metric="rmse", lead_hours=6, region="global")
    assert frame["against persistence"].tolist() == pytest.approx([-25.0, 100.0])
    assert frame["against the beginning"].tolist()[0] == pytest.approx(50.0)
    assert verdict(frame) == (
        "The fine-tuned model is better than persistence for 1 of 2 fields and better than the "
        "beginning for 0 of 2 fields."
    )


def test_a_bias_is_not_compared_in_per_cent() -> None:
    frame = score_frame(SCORES, metric="bias", lead_hours=6, region="global")
    assert "against persistence" not in frame
    assert verdict(frame) == ""


def test_a_lead_time_without_other_sources_is_shown_alone() -> None:
    frame = score_frame(SCORES, metric="rmse", lead_hours=12, region="global")
    assert frame["Fine-tuned"].tolist() == [9.0]
    assert "Persistence" not in frame
