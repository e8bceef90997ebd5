from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aurora_dash.figures.thinning import bin_size, thin

VALUES = st.floats(width=32, allow_nan=True, allow_infinity=True)
SERIES = st.integers(1, 3_000).flatmap(lambda size: arrays(np.float32, size, elements=VALUES))
FINITE = st.integers(1, 3_000).flatmap(
    lambda size: arrays(np.float32, size, elements=st.floats(-1e6, 1e6, width=32))
)
BUDGETS = st.integers(8, 400)


@given(SERIES, BUDGETS)
def test_what_stays_is_bounded_and_in_order_and_from_the_input(
    y: np.ndarray, max_points: int
) -> None:
    x = np.arange(y.size)
    thin_x, thin_y = thin(x, y, max_points)
    assert thin_x.size <= max(max_points, 0)
    assert np.all(np.diff(thin_x) > 0)
    np.testing.assert_array_equal(y[thin_x], thin_y)
    assert (thin_x[0], thin_x[-1]) == (0, y.size - 1)


@given(FINITE, BUDGETS, st.data())
def test_no_spike_is_hidden_wherever_it_is(
    y: np.ndarray, max_points: int, data: st.DataObject
) -> None:
    where = data.draw(st.integers(0, y.size - 1))
    for spike in (1e7, -1e7):
        y[where] = spike
        assert spike in thin(np.arange(y.size), y, max_points)[1]


@given(FINITE, BUDGETS)
def test_each_bin_keeps_its_lowest_and_highest_point(y: np.ndarray, max_points: int) -> None:
    kept = set(thin(np.arange(y.size), y, max_points)[1].tolist())
    size = bin_size(y.size, max_points, 2) if y.size > max_points else 1
    for start in range(0, y.size, size):
        part = y[start : start + size]
        assert {part.min(), part.max()} <= kept


@given(FINITE, BUDGETS, st.data())
def test_a_value_that_is_not_finite_is_not_hidden_either(
    y: np.ndarray, max_points: int, data: st.DataObject
) -> None:
    y[data.draw(st.integers(0, y.size - 1))] = np.nan
    assert np.isnan(thin(np.arange(y.size), y, max_points)[1]).any()


def test_points_that_fit_are_all_kept() -> None:
    x, y = np.arange(100), np.random.default_rng(0).normal(size=100)
    thin_x, thin_y = thin(x, y, 100)
    assert thin_x is x
    assert thin_y is y


def test_bins_stay_where_they_are_while_points_are_appended() -> None:
    y = np.random.default_rng(1).normal(size=50_000)
    x = np.arange(y.size)
    size = bin_size(40_000, 2_000, 2)
    assert size == bin_size(50_000, 2_000, 2) == 64
    before = thin(x[:40_000], y[:40_000], 2_000)[0]
    after = thin(x, y, 2_000)[0]
    ended = (40_000 // size - 1) * size
    np.testing.assert_array_equal(before[before < ended], after[after < ended])


def test_a_million_points_take_milliseconds_not_seconds() -> None:
    y = np.random.default_rng(2).normal(size=1_000_000).astype(np.float32)
    thin_x, _ = thin(np.arange(y.size), y, 2_000)
    assert 1_000 <= thin_x.size <= 2_000


@pytest.mark.parametrize(
    ("x", "y", "max_points", "words"),
    [
        (np.arange(3), np.arange(4.0), 100, "one length"),
        (np.zeros((2, 2)), np.zeros((2, 2)), 100, "one length"),
        (np.arange(3), np.arange(3.0), 7, "at least 8"),
    ],
)
def test_input_that_makes_no_sense_is_refused(
    x: np.ndarray, y: np.ndarray, max_points: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        thin(x, y, max_points)
