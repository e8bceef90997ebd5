from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.figures.histogram import RANGE, histogram_figure


def test_bars_of_normal_values_follow_the_standard_normal() -> None:
    bars, curve = histogram_figure(np.random.default_rng(0).normal(size=(100, 40, 50)), "tp").data
    expected = np.interp(bars.x, curve.x, curve.y)
    np.testing.assert_allclose(bars.y, expected, atol=0.01)
    # 1 / sqrt(2 pi) in the middle.
    assert max(curve.y) == pytest.approx(0.3989, abs=1e-4)


def test_the_bars_are_a_density_of_all_values() -> None:
    figure = histogram_figure(np.array([-1.0, 0.0, 0.1, 1.0]), "tp")
    bars = figure.data[0]
    assert float(np.sum(bars.y) * bars.width) == pytest.approx(1)
    assert not figure.layout.annotations


def test_what_lies_beyond_the_bars_is_written() -> None:
    figure = histogram_figure(np.array([0.0, 0.0, 0.0, -12.5]), "tp")
    bars = figure.data[0]
    assert float(np.sum(bars.y) * bars.width) == pytest.approx(0.75)
    assert figure.layout.annotations[0].text == f"25 % beyond ±{RANGE:g}, largest -12.5"


def test_missing_values_are_left_out() -> None:
    with_gaps = histogram_figure(np.array([0.5, np.nan, -0.5, np.inf]), "tp")
    without = histogram_figure(np.array([0.5, -0.5]), "tp")
    assert np.array_equal(with_gaps.data[0].y, without.data[0].y)


def test_nothing_to_show_is_said() -> None:
    figure = histogram_figure(np.array([np.nan]), "tp")
    assert figure.layout.annotations[0].text == "No finite value to show"
