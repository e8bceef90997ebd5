from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.figures.distribution import (
    Distribution,
    density_figure,
    histogram_figure,
    quantile_figure,
    quantiles,
)

EDGES = np.linspace(200, 328, 129)


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    target = rng.normal(270, 10, 40_000)
    return {"target": target, "model": 270 + 0.8 * (target - 270), "initial": target + 2}


@pytest.fixture(scope="module")
def distribution(values: dict[str, np.ndarray]) -> Distribution:
    area = {
        source: np.histogram2d(values["target"], values[source], bins=(EDGES, EDGES))[0]
        for source in ("model", "initial")
    }
    return Distribution(edges=EDGES, area=area, axis="2t [K]")


def test_the_density_is_a_share_of_the_area_by_target_and_forecast(
    distribution: Distribution,
) -> None:
    heat, diagonal = density_figure(distribution, "model").data
    share = np.asarray(heat.customdata)
    assert share.sum() == pytest.approx(100, rel=1e-4)
    counts = distribution.area["model"]
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    at = np.flatnonzero(heat.y == EDGES[column] + 0.5), np.flatnonzero(heat.x == EDGES[row] + 0.5)
    assert share[at].item() == pytest.approx(100 * counts.max() / 40_000)
    assert np.asarray(heat.z)[at].item() == pytest.approx(np.log10(share[at].item()))
    # Nothing forecast there: no colour, not the lowest.
    assert np.isnan(np.asarray(heat.z)[share == 0]).all()
    assert list(diagonal.x) == list(diagonal.y)
    used = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
    assert len(heat.x) == used[-1] - used[0] + 1


def test_histograms_are_densities_on_a_logarithmic_axis(
    distribution: Distribution, values: dict[str, np.ndarray]
) -> None:
    figure = histogram_figure(distribution)
    by_name = {line.name: line for line in figure.data}
    assert list(by_name) == ["Target", "Fine-tuned", "Before fine-tuning"]
    for name, source in (("Target", "target"), ("Fine-tuned", "model")):
        expected, _ = np.histogram(values[source], bins=EDGES, density=True)
        np.testing.assert_allclose(by_name[name].y, np.where(expected > 0, expected, np.nan))
    assert figure.layout.yaxis.type == "log"


def test_quantiles_are_numpys_within_a_bin(
    distribution: Distribution, values: dict[str, np.ndarray]
) -> None:
    figure = quantile_figure(distribution)
    _, model, initial = figure.data
    told = np.asarray(model.customdata) / 100
    assert told.min() == pytest.approx(1e-4)
    width = EDGES[1] - EDGES[0]
    for line, source in ((model, "model"), (initial, "initial")):
        assert np.abs(line.x - np.quantile(values["target"], told)).max() < width
        assert np.abs(line.y - np.quantile(values[source], told)).max() < width
    # Extremes are forecast too mild, and the warm ones of the other too warm.
    assert model.y[0] > model.x[0] + 5
    assert model.y[-1] < model.x[-1] - 5
    assert initial.y[-1] == pytest.approx(initial.x[-1] + 2, abs=width)


def test_few_points_have_no_far_quantiles() -> None:
    area = np.zeros((128, 128))
    area[np.arange(50, 70), np.arange(50, 70)] = 1.0
    figure = quantile_figure(Distribution(edges=EDGES, area={"model": area}, axis="2t [K]"))
    told = figure.data[1].customdata
    assert (min(told), max(told)) == (pytest.approx(5), pytest.approx(95))


def test_a_constant_field_has_its_value_everywhere() -> None:
    area = np.zeros((128, 128))
    area[64, 64] = 12.0
    constant = Distribution(edges=EDGES, area={"model": area}, axis="")
    assert len(density_figure(constant, "model").data[0].x) == 1
    _, line = quantile_figure(constant).data
    assert ((EDGES[64] <= line.y) & (line.y <= EDGES[65])).all()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any))
def test_quantiles_rise_and_lie_in_bins_that_hold_something(counts: list[int]) -> None:
    area = np.array(counts, float)
    edges = np.arange(area.size + 1.0)
    probabilities = np.linspace(0.01, 0.99, 25)
    found = quantiles(edges, area, probabilities)
    assert (np.diff(found) >= 0).all()
    first, last = np.flatnonzero(area)[[0, -1]]
    assert first <= found.min()
    assert found.max() <= last + 1
    below = np.interp(found, edges, np.concatenate([[0], np.cumsum(area)])) / area.sum()
    np.testing.assert_allclose(below, probabilities, atol=1e-9)
