from __future__ import annotations

import copy
import math

import pytest
import torch

from aurora_dash.errors import NotFiniteError, TrainingError
from aurora_dash.training.lr_range import judge, range_test, rising_rates, smoothed, sweep


def test_rates_rise_by_one_factor() -> None:
    assert rising_rates(1e-4, 1.0, 5) == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1, 1.0))


def test_smoothing_is_an_exponential_mean_without_the_bias_of_its_start() -> None:
    # (0.1 * 4) / 0.1, then (0.9 * 0.1 * 4 + 0.1 * 2) / 0.19.
    assert smoothed([4.0, 2.0]) == pytest.approx([4.0, (0.09 * 4 + 0.1 * 2) / 0.19])


def test_a_tenth_of_the_rate_of_the_lowest_loss_is_suggested() -> None:
    rates = rising_rates(1e-4, 1.0, 9)
    losses = [2.0] * 3 + [1.0] * 3 + [30.0] * 3
    found = judge(rates, losses, "It ended.")
    lowest = min(range(9), key=found.smoothed.__getitem__)
    assert lowest == 5
    assert found.suggestion == pytest.approx(rates[5] / 10)
    assert judge(rates, [1.0 + i for i in range(9)], "It ended.").suggestion is None


def test_a_sweep_leaves_weights_and_optimiser_as_they_were(step, samples) -> None:
    step(0, [samples[0]])
    module = step.comparer.module
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    state = copy.deepcopy(step.optimiser.state_dict())
    rates = (1e-5, 1e-4, 1e-3)
    losses, ended = sweep(step, lambda number: [samples[number]], rates, base=1e-3)
    assert len(losses) == 3
    assert ended == "All rates were tried."
    assert all(torch.equal(p, before[name]) for name, p in module.named_parameters())
    after = step.optimiser.state_dict()
    assert after["param_groups"] == state["param_groups"]
    for key, values in state["state"].items():
        assert all(torch.equal(after["state"][key][name], v) for name, v in values.items())


def test_a_sweep_ends_where_the_loss_diverges_or_is_no_longer_finite(step) -> None:
    class Scripted:
        """A step whose losses are given; weights and optimiser are the real ones."""

        def __init__(self, losses: list[float]) -> None:
            self.comparer, self.optimiser, self._losses = step.comparer, step.optimiser, losses
            self.masters = step.masters

        def __call__(self, number: int, batches: object) -> dict[str, float]:
            if math.isnan(self._losses[number]):
                raise NotFiniteError("no")
            return {"loss": self._losses[number]}

    rates = (1e-3, 1e-2, 1e-1, 1.0)
    losses, ended = sweep(Scripted([1, 1, 50, 1]), lambda number: [], rates, base=1e-3)
    assert (losses, ended) == ((1, 1, 50), "The loss diverged at a rate of 0.1.")
    losses, ended = sweep(Scripted([1, math.nan]), lambda number: [], rates, base=1e-3)
    assert (losses, ended) == ((1,), "The loss was no longer finite at a rate of 0.01.")


def test_a_spec_is_tested_from_its_data_to_a_suggestion(spec) -> None:
    found = range_test(spec, lowest=1e-5, highest=1.0, num_steps=24)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 24
    assert found.suggestion is not None
    assert 1e-6 < found.suggestion < 0.1
    assert found.to_dict()["rates"][0] == pytest.approx(1e-5)


def test_nonsense_is_refused(spec) -> None:
    with pytest.raises(TrainingError, match="makes no sense"):
        range_test(spec, lowest=1.0, highest=0.1)
