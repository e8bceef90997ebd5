"""Scores of ensembles against counting by hand, double loops and the library."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scores.probability
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aurora_dash.data.area import area_weights
from tests.evaluation.scoring import LATITUDES, make_layout, score_fields

MEASURES = ["rmse", "crps", "spread", "spread_skill"]


def _scores(members: np.ndarray, target: np.ndarray) -> xr.Dataset:
    table, _ = score_fields(
        make_layout(),
        MEASURES,
        {"model": {"surf_2t": members}},
        {"surf_2t": target},
        members=len(members),
    )
    return table.squeeze()


def test_three_members_by_hand() -> None:
    # Members 1, 2, 6 and the truth 3 everywhere.
    members = np.array([1.0, 2.0, 6.0])[:, None, None, None] * np.ones((3, 1, 3, 4))
    found = _scores(members, np.full((1, 3, 4), 3.0))
    # E|X - y| = (2 + 1 + 3) / 3; E|X - X'| over pairs of two members = (1 + 5 + 4) / 3.
    assert float(found["crps"]) == pytest.approx(2 - (10 / 3) / 2)
    assert float(found["rmse"]) == pytest.approx(0.0)
    variance = ((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2
    assert float(found["spread"]) == pytest.approx(math.sqrt(variance))
    assert found["rank_frequency"].values.tolist() == pytest.approx([0, 0, 1, 0])


def test_crps_agrees_with_the_library_and_with_loops() -> None:
    rng = np.random.default_rng(0)
    members, target = rng.normal(0, 2, (5, 3, 3, 4)), rng.normal(0, 2, (3, 3, 4))
    found = float(_scores(members, target)["crps"])
    dims = ("time", "latitude", "longitude")
    weights = xr.DataArray(area_weights(LATITUDES), dims="latitude")
    library = scores.probability.crps_for_ensemble(
        xr.DataArray(members, dims=("member", *dims)),
        xr.DataArray(target, dims=dims),
        "member",
        method="fair",
        preserve_dims="all",
    )
    assert found == pytest.approx(float(library.weighted(weights).mean()), rel=1e-9)
    total = 0.0
    for index in np.ndindex(target.shape):
        values = [float(member[index]) for member in members]
        distance = sum(abs(x - target[index]) for x in values) / 5
        pairs = sum(abs(x - y) for x in values for y in values) / (5 * 4)
        total += float(weights[index[1]]) * (distance - pairs / 2)
    assert found == pytest.approx(total / target.size, rel=1e-9)


def test_spread_and_skill_agree_with_numpy() -> None:
    rng = np.random.default_rng(1)
    members, target = rng.normal(0, 2, (4, 6, 3, 4)), rng.normal(0, 2, (6, 3, 4))
    found = _scores(members, target)
    weights = area_weights(LATITUDES)[None, :, None] * np.ones_like(target)
    spread = math.sqrt(np.average(members.var(axis=0, ddof=1), weights=weights))
    rmse = math.sqrt(np.average((members.mean(axis=0) - target) ** 2, weights=weights))
    assert float(found["spread"]) == pytest.approx(spread)
    assert float(found["rmse"]) == pytest.approx(rmse)
    assert float(found["spread_skill"]) == pytest.approx(math.sqrt(5 / 4) * spread / rmse)


def test_a_reliable_ensemble_spreads_as_it_errs_and_has_a_flat_rank_histogram() -> None:
    # Truth and members drawn alike around the same weather.
    rng = np.random.default_rng(2)
    weather = rng.normal(0, 5, (400, 3, 4))
    members, target = (
        weather + rng.normal(0, 1, (6, *weather.shape)),
        weather + rng.normal(0, 1, weather.shape),
    )
    found = _scores(members, target)
    assert float(found["spread_skill"]) == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(found["rank_frequency"].values, 1 / 7, atol=0.03)


def test_ranks_agree_with_the_library_ties_included() -> None:
    rng = np.random.default_rng(3)
    members, target = rng.integers(0, 4, (3, 5, 3, 4)) * 1.0, rng.integers(0, 4, (5, 3, 4)) * 1.0
    found = _scores(members, target)["rank_frequency"].values
    dims = ("time", "latitude", "longitude")
    library = scores.probability.rank_histogram(
        xr.DataArray(members, dims=("member", *dims)),
        xr.DataArray(target, dims=dims),
        "member",
        weights=xr.DataArray(area_weights(LATITUDES), dims="latitude"),
    )
    np.testing.assert_allclose(found, library.values, rtol=1e-9)
    assert found.sum() == pytest.approx(1.0)


def test_the_crps_of_one_forecast_is_its_mean_absolute_error_and_it_has_no_spread() -> None:
    rng = np.random.default_rng(4)
    forecast, target = rng.normal(0, 2, (1, 3, 3, 4)), rng.normal(0, 2, (3, 3, 4))
    found = _scores(forecast, target)
    weights = area_weights(LATITUDES)[None, :, None] * np.ones_like(target)
    assert float(found["crps"]) == pytest.approx(
        np.average(abs(forecast[0] - target), weights=weights)
    )
    assert math.isnan(found["spread"])
    assert math.isnan(found["spread_skill"])


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (4, 2, 3, 4), elements=st.floats(-100, 100)), st.permutations(range(4)))
def test_the_order_of_members_does_not_matter(members: np.ndarray, order: list[int]) -> None:
    target = np.linspace(-50, 50, 24).reshape(2, 3, 4)
    one, other = _scores(members, target), _scores(members[list(order)], target)
    for name in ("crps", "spread", "rmse"):
        assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(one["rank_frequency"], other["rank_frequency"], atol=1e-12)
