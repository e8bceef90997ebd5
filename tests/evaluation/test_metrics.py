from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aurora_dash.data.area import area_weights
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.metrics import FieldKey, ScoreBook, field_error

KEY = FieldKey(variable="2t", level=None, lead_hours=6)
EVERYWHERE = {"global": np.ones((3, 4), dtype=bool)}
LATITUDES = np.array([80.0, 50.0, 10.0])


def _unit(key: FieldKey) -> str:
    return "K"


def _values(book: ScoreBook, source: str = "model", region: str = "global") -> dict[str, float]:
    return {
        score.metric: score.value
        for score in book.scores(_unit)
        if score.source == source and score.region == region
    }


def _score(forecasts: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    regions = {"global": np.ones(forecasts.shape[1:], dtype=bool)}
    book = ScoreBook(weights, regions)
    for forecast, target in zip(forecasts, targets, strict=True):
        book.add(KEY, {"model": forecast}, target)
    return _values(book)


def test_two_points_by_hand() -> None:
    # Errors 3 and -1 with weights 0.5 and 1.5.
    book = ScoreBook(np.array([[0.5], [1.5]]), {"global": np.ones((2, 1), dtype=bool)})
    book.add(KEY, {"model": np.array([[4.0], [1.0]])}, np.array([[1.0], [2.0]]))
    assert _values(book) == pytest.approx(
        {
            "rmse": math.sqrt((0.5 * 9 + 1.5 * 1) / 2),
            "mae": (0.5 * 3 + 1.5 * 1) / 2,
            "bias": (0.5 * 3 - 1.5 * 1) / 2,
        }
    )


def test_the_root_comes_after_the_mean_over_time() -> None:
    # Errors 3 at one time and 1 at the next: sqrt((9 + 1) / 2), not (3 + 1) / 2.
    zeros = np.zeros((2, 3, 4))
    forecasts = zeros + np.array([3.0, 1.0])[:, None, None]
    assert _score(forecasts, zeros, np.ones((3, 1)))["rmse"] == pytest.approx(math.sqrt(5))


def test_a_forecast_equal_to_its_target_scores_zero() -> None:
    target = np.random.default_rng(0).normal(280, 20, (4, 3, 4)).astype(np.float32)
    assert _score(target, target, area_weights(LATITUDES)[:, None]) == {
        "rmse": 0.0,
        "mae": 0.0,
        "bias": 0.0,
    }


def test_it_agrees_with_xarray() -> None:
    rng = np.random.default_rng(1)
    forecast = rng.normal(280, 20, (5, 3, 4)).astype(np.float32)
    target = rng.normal(280, 20, (5, 3, 4)).astype(np.float32)
    target[1, 2, 3] = target[0, 0, :] = np.nan
    dims = ("time", "latitude", "longitude")
    weights = xr.DataArray(area_weights(LATITUDES), dims="latitude")
    error = (xr.DataArray(forecast, dims=dims) - xr.DataArray(target, dims=dims)).astype(float)
    weighted = {
        "rmse": float(np.sqrt((error**2).weighted(weights).mean())),
        "mae": float(abs(error).weighted(weights).mean()),
        "bias": float(error.weighted(weights).mean()),
    }
    scores = _score(forecast, target, weights.values[:, None])
    assert scores == pytest.approx(weighted, rel=1e-6)


FIELDS = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.just(3), st.just(4)),
    elements=st.floats(-1e4, 1e4, width=32) | st.just(float("nan")),
)


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.randoms(use_true_random=False))
def test_order_does_not_matter(errors: np.ndarray, random: object) -> None:
    weights = area_weights(LATITUDES)[:, None]
    if not np.isfinite(errors).any():
        return
    order = list(range(len(errors)))
    random.shuffle(order)  # type: ignore[attr-defined]
    zeros = np.zeros_like(errors)
    expected = _score(errors, zeros, weights)
    assert _score(errors[order], zeros, weights) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(FIELDS)
def test_bias_is_at_most_mae_is_at_most_rmse(errors: np.ndarray) -> None:
    if not np.isfinite(errors).any():
        return
    scores = _score(errors, np.zeros_like(errors), area_weights(LATITUDES)[:, None])
    slack = 1 + 1e-9
    assert abs(scores["bias"]) <= scores["mae"] * slack
    assert scores["mae"] <= scores["rmse"] * slack
    assert scores["rmse"] <= np.nanmax(np.abs(errors)) * slack


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.floats(-100, 100), st.floats(0.01, 100))
def test_a_shift_moves_the_bias_and_a_factor_scales_all(
    errors: np.ndarray, shift: float, factor: float
) -> None:
    if not np.isfinite(errors).any():
        return
    weights = area_weights(LATITUDES)[:, None]
    double = errors.astype(np.float64)
    plain = _score(double, np.zeros_like(double), weights)
    shifted = _score(double + shift, np.zeros_like(double), weights)
    assert shifted["bias"] == pytest.approx(plain["bias"] + shift, rel=1e-6, abs=1e-6)
    scaled = _score(double * factor, np.zeros_like(double), weights)
    assert scaled == pytest.approx({k: v * factor for k, v in plain.items()}, rel=1e-6, abs=1e-9)


def test_all_sources_are_judged_on_the_points_they_share_and_the_rest_is_counted() -> None:
    target = np.zeros((3, 4))
    target[0, 0] = np.nan
    model = np.ones((3, 4))
    model[1, 1] = np.inf
    persistence = np.full((3, 4), 2.0)
    persistence[1, 1] = 1e6
    book = ScoreBook(np.ones((3, 1)), EVERYWHERE)
    book.add(KEY, {"model": model, "persistence": persistence}, target)
    assert _values(book, "model")["rmse"] == 1.0
    assert _values(book, "persistence")["rmse"] == 2.0
    assert book.missing() == [
        {
            "variable": "2t",
            "level": None,
            "lead_hours": 6,
            "points": 10,
            "target_missing": 1,
            "forecast_missing": 1,
        }
    ]


def test_nothing_to_compare_is_an_error_not_a_perfect_score() -> None:
    with pytest.raises(EvaluationError, match="no field met its target"):
        ScoreBook(np.ones((3, 1)), EVERYWHERE).scores(_unit)
    book = ScoreBook(np.ones((3, 1)), EVERYWHERE)
    book.add(KEY, {"model": np.ones((3, 4))}, np.full((3, 4), np.nan))
    with pytest.raises(EvaluationError, match=r"Nothing of 2t, 6 h ahead .* 12 values"):
        book.scores(_unit)


def test_a_region_that_is_all_missing_is_an_error_even_where_others_are_not() -> None:
    half = np.zeros((3, 4), dtype=bool)
    half[0] = True
    book = ScoreBook(np.ones((3, 1)), {**EVERYWHERE, "north": half})
    target = np.zeros((3, 4))
    target[0] = np.nan
    book.add(KEY, {"model": np.ones((3, 4))}, target)
    with pytest.raises(EvaluationError, match="'north'"):
        book.scores(_unit)


def test_a_region_counts_its_own_points_only() -> None:
    north = np.zeros((3, 4), dtype=bool)
    north[0] = True
    book = ScoreBook(area_weights(LATITUDES)[:, None], {**EVERYWHERE, "north": north})
    forecast = np.zeros((3, 4))
    forecast[0] = [1, 2, 3, 4]
    book.add(KEY, {"model": forecast}, np.zeros((3, 4)))
    assert _values(book, region="north") == pytest.approx(
        {"rmse": math.sqrt(30 / 4), "mae": 2.5, "bias": 2.5}
    )


def test_directions_differ_by_the_shorter_way_round() -> None:
    error = field_error(np.array([359.0, 1.0, 10.0]), np.array([1.0, 359.0, 350.0]), circular=True)
    np.testing.assert_allclose(error, [-2, 2, 20])


def test_a_field_of_another_shape_is_refused() -> None:
    book = ScoreBook(np.ones((3, 1)), EVERYWHERE)
    with pytest.raises(EvaluationError, match=r"target of 2t.*\(4, 3\).*\(3, 4\)"):
        book.add(KEY, {"model": np.zeros((3, 4))}, np.zeros((4, 3)))
    with pytest.raises(EvaluationError, match=r"model of 2t.*\(1,\)"):
        book.add(KEY, {"model": np.zeros(1)}, np.zeros((3, 4)))


def test_sources_may_not_change_on_the_way() -> None:
    book = ScoreBook(np.ones((3, 1)), EVERYWHERE)
    book.add(KEY, {"model": np.zeros((3, 4))}, np.zeros((3, 4)))
    with pytest.raises(EvaluationError, match="can't be compared"):
        book.add(KEY, {"persistence": np.zeros((3, 4))}, np.zeros((3, 4)))
