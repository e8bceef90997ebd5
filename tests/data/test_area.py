from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.area import area_weights, latitude_bounds
from aurora_dash.errors import DataError


def test_a_global_grid_has_the_areas_of_the_sphere() -> None:
    latitudes = np.linspace(90, -90, 721)
    weights = area_weights(latitudes)
    # Sphere of area 4 pi: a cap from latitude b to the pole has 2 pi (1 - sin b).
    cap = 2 * np.pi * (1 - np.sin(np.deg2rad(89.875)))
    band = 2 * np.pi * (np.sin(np.deg2rad(0.125)) - np.sin(np.deg2rad(-0.125)))
    total = 4 * np.pi
    assert weights.sum() / 721 == pytest.approx(1, abs=1e-12)
    assert weights[0] / weights.sum() == pytest.approx(cap / total, rel=1e-9)
    assert weights[-1] == pytest.approx(weights[0], rel=1e-9)
    assert weights[360] / weights.sum() == pytest.approx(band / total, rel=1e-9)


def test_three_rows_by_hand() -> None:
    # Rows at 90, 0, -90: bounds 90, 45, -45, -90; areas 1 - s, 2 s, 1 - s with s = sin 45.
    s = np.sqrt(0.5)
    expected = np.array([1 - s, 2 * s, 1 - s]) * 3 / 2
    np.testing.assert_allclose(area_weights([90, 0, -90]), expected, rtol=1e-12)


def test_a_regional_grid_ends_half_a_spacing_beyond_its_rows() -> None:
    np.testing.assert_allclose(latitude_bounds([70, 69.75, 69.5])[[0, -1]], [70.125, 69.375])


def test_away_from_the_poles_the_weights_are_those_of_the_cosine() -> None:
    # A band of even width d around latitude p has the area 2 sin(d / 2) cos(p): exactly the
    # cosine weight of the data README's figures, edges included.
    latitudes = np.arange(70, 55 - 0.1, -0.25)
    cosine = np.cos(np.deg2rad(latitudes))
    np.testing.assert_allclose(area_weights(latitudes), cosine / cosine.mean(), rtol=1e-12)


def test_direction_of_the_rows_does_not_matter() -> None:
    latitudes = np.array([80.0, 60.0, 10.0, -20.0])
    np.testing.assert_allclose(area_weights(latitudes[::-1]), area_weights(latitudes)[::-1])


@given(
    st.lists(
        st.integers(-9000, 9000).map(lambda hundredth: hundredth / 100),
        min_size=1,
        max_size=60,
        unique=True,
    )
)
def test_weights_are_positive_with_a_mean_of_one(latitudes: list[float]) -> None:
    weights = area_weights(sorted(latitudes, reverse=True))
    assert (weights > 0).all()
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("latitudes", "reason"),
    [
        ([10, 20, 15], "strictly"),
        ([10, 10], "strictly"),
        ([91, 0], "between -90 and 90"),
        ([np.nan, 0], "between -90 and 90"),
        ([], "vector"),
        ([[1, 2]], "vector"),
    ],
)
def test_what_is_no_latitude_axis_is_refused(latitudes: list[float], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        area_weights(latitudes)
