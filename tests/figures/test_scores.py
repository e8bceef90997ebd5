from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import pytest

from aurora_dash.errors import EvaluationError
from aurora_dash.figures.scores import (
    relative_scores_figure,
    score_by_lead_figure,
    score_by_level_figure,
)


def record(variable: str, value: float, source: str, **more: Any) -> dict[str, Any]:
    unit = {"2t": "K", "z": "m2 s-2"}[variable]
    rest = {"level": None, "lead_hours": 6, "region": "global", "metric": "rmse"} | more
    return {"variable": variable, "value": value, "unit": unit, "source": source, **rest}


RECORDS = [
    record("2t", 1.5, "model"),
    record("2t", 4.0, "initial"),
    record("2t", 2.0, "persistence"),
    record("z", 300.0, "model", level=850),
    record("z", 200.0, "persistence", level=850),
    record("z", 90.0, "model", level=500),
    record("z", 100.0, "persistence", level=500),
    record("2t", 3.0, "model", lead_hours=12),
    record("2t", 3.5, "persistence", lead_hours=12),
    record("2t", 77.0, "model", metric="bias"),
    record("2t", 88.0, "model", region="Europe"),
]


def bars(figure: go.Figure) -> dict[str, dict[str, float]]:
    return {
        drawn.name: {y: x for y, x in zip(drawn.y, drawn.x, strict=True) if x is not None}
        for drawn in figure.data
    }


def test_scores_are_percent_of_persistence_best_first() -> None:
    figure = relative_scores_figure(RECORDS, lead_hours=6)
    shown = bars(figure)
    assert shown["this checkpoint"] == pytest.approx({"2t": -25, "z 500": -10, "z 850": 50})
    assert shown["before fine-tuning"] == pytest.approx({"2t": 100})
    assert list(figure.data[0].y) == ["2t", "z 500", "z 850"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert "persistence at +6 h" in figure.layout.title.text


def test_another_reference_can_be_chosen() -> None:
    shown = bars(relative_scores_figure(RECORDS, reference="initial", lead_hours=6))
    assert shown["this checkpoint"]["2t"] == pytest.approx(-62.5)
    assert shown["persistence"]["2t"] == pytest.approx(-50)


def test_without_the_reference_there_is_nothing_to_compare() -> None:
    with pytest.raises(EvaluationError, match="persistence"):
        relative_scores_figure([record("2t", 1.0, "model")], lead_hours=6)
    with pytest.raises(EvaluationError, match=r"\+24 h"):
        relative_scores_figure(RECORDS, lead_hours=24)


def test_a_perfect_reference_does_not_divide_by_zero() -> None:
    perfect = [record("2t", 0.0, "persistence"), record("2t", 1.0, "model")]
    with pytest.raises(EvaluationError):
        relative_scores_figure(perfect, lead_hours=6)


def test_a_score_grows_with_lead_a_line_for_each_source() -> None:
    figure = score_by_lead_figure(RECORDS, "2t")
    model, initial, persistence = figure.data
    assert [drawn.name for drawn in figure.data] == [
        "this checkpoint",
        "before fine-tuning",
        "persistence",
    ]
    assert (list(model.x), list(model.y)) == ([6, 12], [1.5, 3.0])
    assert (list(initial.x), list(persistence.y)) == ([6], [2.0, 3.5])
    assert figure.layout.yaxis.title.text == "RMSE [K]"


def test_levels_run_down_to_the_ground() -> None:
    figure = score_by_level_figure(RECORDS, "z", lead_hours=6)
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([90.0, 300.0], [500, 850])
    assert figure.layout.yaxis.autorange == "reversed"
    assert list(figure.layout.yaxis.tickvals) == [500, 850]
    assert figure.layout.xaxis.title.text == "RMSE [m² s⁻²]"
