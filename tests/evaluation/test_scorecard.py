"""Scorecards against percentages worked out by hand from the same fields."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.scorecard import (
    change_interval,
    scorecard,
    scorecard_measures,
    scores_where,
)
from tests.evaluation.scoring import make_layout, score_fields

MEASURES = ["rmse", "bias", "correlation", "spectral_ratio", "csi"]


@pytest.fixture(scope="module")
def table() -> xr.Dataset:
    """The model is 1 K too warm everywhere and persistence 4 K too cold."""
    rng = np.random.default_rng(0)
    target = 280 + rng.normal(0, 3, (6, 3, 4))
    found, _ = score_fields(
        make_layout(sources=("model", "persistence"), thresholds={"2t": [280.0]}),
        MEASURES,
        {
            "model": {"surf_2t": target[None] + 1},
            "persistence": {"surf_2t": target[None] - 4},
        },
        {"surf_2t": target},
        confidence=0.9,
    )
    return found


def test_an_error_is_told_by_its_own_change_whatever_its_sign(table: xr.Dataset) -> None:
    for measure, (of, against) in {"rmse": (1.0, 4.0), "bias": (1.0, -4.0)}.items():
        card = scorecard(table, measure, "persistence")
        assert card.percent.item() == pytest.approx(-75.0)
        assert card.values.item() == pytest.approx(of)
        assert card.reference_values.item() == pytest.approx(against)
    [row] = card.rows
    assert (row.variable, row.level, row.unit, card.lead_hours) == ("2t", None, "K", (6,))


def test_a_score_whose_best_is_one_is_told_by_what_it_lacks(table: xr.Dataset) -> None:
    card = scorecard(table, "csi", "persistence")
    of, against = (float(table["csi"].sel(source=s).squeeze()) for s in ("model", "persistence"))
    assert card.percent.item() == pytest.approx(100 * ((1 - of) / (1 - against) - 1))
    assert card.rows[0].threshold == 280.0


def test_a_perfect_reference_leaves_no_change_to_tell(table: xr.Dataset) -> None:
    # Both differ from the target by a constant: a correlation of one, and no distance from it.
    perfect = table.assign(correlation=table["correlation"] * 0 + 1)
    assert np.isnan(scorecard(perfect, "correlation", "persistence").percent).all()


def test_it_says_what_may_be_chance_where_that_was_asked_for(table: xr.Dataset) -> None:
    significant = scorecard(table, "rmse", "persistence").significant
    assert significant is not None
    assert significant.item() is True
    assert scorecard(table, "rmse", "model", source="persistence").significant is None
    assert scorecard(table, "bias", "persistence").significant is None


def test_what_was_not_scored_is_refused(table: xr.Dataset) -> None:
    assert set(scorecard_measures(table)) == set(MEASURES)
    for measure, reference, where in (
        ("mae", "persistence", {}),
        ("rmse", "initial", {}),
        ("rmse", "persistence", {"region": "tropics"}),
    ):
        with pytest.raises(EvaluationError):
            scorecard(table, measure, reference, **where)


def test_an_hour_of_the_day_has_its_own_scores_and_no_word_on_chance() -> None:
    target = np.full((4, 3, 4), 280.0)
    # Six hours ahead of 00, 06, 12 and 18 UTC: at 18 UTC the model is 3 K off, else 1 K.
    errors = np.array([1.0, 1.0, 3.0, 1.0])[:, None, None]
    table, _ = score_fields(
        make_layout(sources=("model", "persistence")),
        ["rmse"],
        {
            "model": {"surf_2t": (target + errors)[None]},
            "persistence": {"surf_2t": (target + 2)[None]},
        },
        {"surf_2t": target},
        by_hour=True,
        confidence=0.9,
    )
    at_six = scorecard(table, "rmse", "persistence", hour="18")
    assert at_six.percent.item() == pytest.approx(50.0)
    assert at_six.significant is None
    assert change_interval(table, "rmse", "persistence", {"hour": "18"}) is None
    assert scorecard(table, "rmse", "persistence", hour="06").percent.item() == pytest.approx(-50)


def test_the_interval_is_that_of_the_skill_turned_round(table: xr.Dataset) -> None:
    interval = change_interval(table, "rmse", "persistence", {})
    assert interval is not None
    low, high = interval
    assert low.item() <= -75 <= high.item()
    assert low.item() == pytest.approx(-100 * float(table["rmse_skill_high"].squeeze()))
    assert change_interval(table, "bias", "persistence", {}) is None


def test_what_has_no_region_is_found_in_any(table: xr.Dataset) -> None:
    found = scores_where(table, "spectral_ratio", {"region": "tropics"})
    assert found.dims == ("source", "field", "lead")
