"""Skill, and whether it may be chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aurora_dash.evaluation.metrics import table_scores
from aurora_dash.evaluation.significance import block_counts, default_block
from tests.evaluation.scoring import make_layout, score_fields


def _table(model: np.ndarray, reference: np.ndarray, **options: object) -> object:
    """Of errors, one a forecast, the same everywhere."""
    grid = np.ones((1, model.size, 3, 4))
    forecasts = {
        name: {"surf_2t": errors[None, :, None, None] * grid}
        for name, errors in (("model", model), ("persistence", reference))
    }
    table, _ = score_fields(
        make_layout(sources=("model", "persistence")),
        ["rmse", "mae", "bias"],
        forecasts,
        {"surf_2t": np.zeros((model.size, 3, 4))},
        confidence=0.95,
        **options,
    )
    return table


def test_skill_by_hand_and_none_for_a_bias() -> None:
    table = _table(np.array([1.0, 1.0]), np.array([2.0, 2.0]))
    assert table["rmse_skill"].item() == pytest.approx(0.5)
    assert table["mae_skill"].item() == pytest.approx(0.5)
    assert "bias_skill" not in table
    skills = [s for s in table_scores(table) if s.metric == "rmse_skill"]
    assert [(s.source, s.reference, s.unit) for s in skills] == [("model", "persistence", "1")]


def test_a_difference_far_beyond_chance_is_significant_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(0, 1, 200)
    better = _table(0.8 * reference, reference)
    assert better["rmse_skill_significant"].item()
    assert better["rmse_skill_low"].item() > 0
    same = _table(rng.normal(0, 1, 200), reference)
    assert not same["rmse_skill_significant"].item()
    assert same["rmse_skill_low"].item() < 0 < same["rmse_skill_high"].item()


def test_the_interval_agrees_with_scipys_bootstrap_for_independent_forecasts() -> None:
    rng = np.random.default_rng(1)
    model, reference = rng.normal(0, 0.8, 150), rng.normal(0, 1, 150)
    table = _table(model, reference, block=1)

    def skill(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return 1 - np.sqrt((a**2).mean(axis) / (b**2).mean(axis))

    result = stats.bootstrap(
        (model, reference), skill, paired=True, method="percentile", n_resamples=2000, rng=rng
    )
    low, high = table["rmse_skill_low"].item(), table["rmse_skill_high"].item()
    assert low == pytest.approx(result.confidence_interval.low, abs=0.03)
    assert high == pytest.approx(result.confidence_interval.high, abs=0.03)


def test_blocks_widen_the_interval_of_errors_that_last() -> None:
    # An error that stays for ten forecasts is one piece of evidence, not ten.
    rng = np.random.default_rng(2)
    model, reference = (np.repeat(rng.normal(0, 1, 20), 10) for _ in range(2))
    widths = [
        (table["mae_skill_high"] - table["mae_skill_low"]).item()
        for table in (_table(model, reference, block=block) for block in (1, 10))
    ]
    assert widths[1] > 2 * widths[0]


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    rng = np.random.default_rng(3)
    errors = rng.normal(0, 1, 30), rng.normal(0, 1, 30)
    one, same, other = (_table(*errors, seed=seed) for seed in (0, 0, 1))
    assert one.identical(same)
    assert one["rmse_skill_low"].item() != other["rmse_skill_low"].item()


def test_one_forecast_has_a_skill_but_no_interval() -> None:
    table = _table(np.array([1.0]), np.array([2.0]))
    [skill] = [s for s in table_scores(table) if s.metric == "rmse_skill"]
    assert (skill.value, skill.low, skill.high, skill.significant) == (0.5, None, None, None)


@pytest.mark.parametrize(("count", "block"), [(10, 3), (7, 7), (5, 50), (8, 1)])
def test_a_replicate_has_as_many_forecasts_in_whole_blocks(count: int, block: int) -> None:
    counts = block_counts(count, block, 200, seed=0)
    assert counts.shape == (200, count)
    assert (counts.sum(axis=1) == count).all()
    if block >= count:
        assert (counts == 1).all()
    assert default_block(1000) == 10
