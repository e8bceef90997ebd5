"""The map of losses by level."""

from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.figures.levels import level_losses_figure

STEPS = np.arange(1.0, 5.0)


def test_rows_are_levels_and_cells_say_how_a_loss_stands_to_its_start() -> None:
    figure = level_losses_figure(
        {
            ("z", 500.0): (STEPS, np.array([2.0, 1.0, 0.5, 4.0])),
            ("z", 850.0): (STEPS, np.array([0.1, 0.1, np.nan, 0.1])),
            ("t", 850.0): (STEPS, np.array([1.0, 1.0, 1.0, 1.0])),
        }
    )
    (heat,) = figure.figure().data
    assert list(heat.y) == ["t 850 hPa", "z 850 hPa", "z 500 hPa"]
    np.testing.assert_allclose(heat.customdata[2], [1, 0.5, 0.25, 2])
    np.testing.assert_allclose(heat.z[2], np.log10([1, 0.5, 0.25, 2]), atol=1e-6)
    assert np.isnan(heat.z[1][2])
    assert (heat.zmin, heat.zmax) == pytest.approx((-np.log10(4), np.log10(4)))


def test_a_long_training_has_few_cells_each_a_mean_of_its_steps() -> None:
    x = np.arange(1000.0)
    figure = level_losses_figure({("z", 500.0): (x, 1 + x)})
    (heat,) = figure.figure().data
    assert heat.x.size == 63
    assert heat.x[[0, -1]].tolist() == [15, 999]
    first, second = np.arange(1.0, 17).mean(), np.arange(17.0, 33).mean()
    np.testing.assert_allclose(heat.customdata[0][:2], [1, second / first], rtol=1e-6)


def test_rows_that_began_later_and_empty_ones_do_no_harm() -> None:
    figure = level_losses_figure(
        {
            ("z", 500.0): (np.empty(0), np.empty(0)),
            ("z", 850.0): (STEPS, np.full(4, np.nan)),
        }
    )
    assert np.isnan(figure.figure().data[0].z).all()
