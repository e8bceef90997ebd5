from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aurora_dash.figures.thinning import GrowingBins, bin_size, thin

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


@given(SERIES, BUDGETS, st.lists(st.integers(1, 3_000), max_size=4))
def test_a_series_that_grew_is_thinned_as_if_it_were_new(
    y: np.ndarray, max_points: int, ends: list[int]
) -> None:
    growing = GrowingBins()
    for end in (*sorted(ends), y.size):
        np.testing.assert_array_equal(
            growing.kept(y[:end], max_points), GrowingBins().kept(y[:end], max_points)
        )
        for mine, fresh in zip(
            growing.means(y[:end], 50), GrowingBins().means(y[:end], 50), strict=True
        ):
            np.testing.assert_array_equal(mine, fresh)


def test_a_series_that_grew_is_looked_at_only_where_it_is_new() -> None:
    y = np.random.default_rng(3).normal(size=100_000)
    growing = GrowingBins()
    growing.kept(y[:99_000], 2_000)
    # What it has seen does not matter any more: it is not read again.
    y[:90_000] = np.nan
    assert np.isfinite(y[growing.kept(y, 2_000)][-100:]).all()
    assert growing.kept(y, 2_000).size > 1_000


@given(FINITE, st.integers(8, 100), st.data())
def test_a_stretch_has_its_own_ends_and_extremes_and_nothing_of_the_rest(
    y: np.ndarray, max_points: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, y.size - 1))
    last = data.draw(st.integers(first + 1, y.size))
    kept = GrowingBins().kept(y, max_points, first=first, last=last)
    assert kept.size <= max_points
    assert (kept[0], kept[-1]) == (first, last - 1)
    assert np.all(np.diff(kept) > 0)
    assert {y[first:last].min(), y[first:last].max()} <= set(y[kept].tolist())


@given(SERIES, st.integers(4, 200))
def test_means_of_bins_pass_over_what_is_not_finite(y: np.ndarray, max_bins: int) -> None:
    ends, means = GrowingBins().means(y, max_bins)
    assert means.size <= max_bins
    assert ends[-1] == y.size - 1
    start = 0
    for end, mean in zip(ends, means, strict=True):
        part = y[start : end + 1].astype(np.float64)
        part = part[np.isfinite(part)]
        expected = part.mean() if part.size else np.nan
        np.testing.assert_allclose(mean, expected, rtol=1e-9, atol=1e-300)
        start = end + 1
