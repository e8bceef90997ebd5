from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aurora_dash.errors import DataError
from aurora_dash.training.validation import Validator, spread


def test_it_is_the_mean_over_samples_whatever_the_batches(step, samples) -> None:
    few = [samples[i] for i in range(5)]
    single = [step.comparer.forecast(inputs, targets, draw=0) for inputs, targets in few]
    expected = np.mean([terms.total.item() for terms in single])
    for size in (1, 2, 5, 8):
        found = Validator(step.comparer, few, size)()
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
        part = np.mean([terms.by_variable["z/850"].item() for terms in single])
        assert found["loss/z/850"] == pytest.approx(part, rel=1e-5)


def test_persistence_is_the_loss_of_the_newest_input(step, samples) -> None:
    inputs, (target,) = samples[0]
    normalise = step.comparer.module.normalise_for_loss
    now, later = normalise(inputs), normalise(target)
    surface = sum(
        (now.surf_vars[n][:, -1:] - later.surf_vars[n]).abs().mean().item() for n in now.surf_vars
    )
    upper = sum(
        (now.atmos_vars[n][:, -1:] - later.atmos_vars[n]).abs().mean().item()
        for n in now.atmos_vars
    )
    validate = Validator(step.comparer, [samples[0]], 1)
    found = validate()
    assert found["persistence_loss"] == pytest.approx((0.25 * surface + upper) / 9, rel=1e-5)
    # Measured once, told each time.
    assert validate()["persistence_loss"] == found["persistence_loss"]


def test_it_leaves_no_trace_in_the_model(step, samples) -> None:
    module = step.comparer.module
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    first, second = (Validator(step.comparer, samples, 4)() for _ in range(2))
    assert first == second
    assert module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    # And training goes on after it.
    assert math.isfinite(step(0, [samples[0]])["loss"])


def test_it_can_be_interrupted_between_batches(step, samples) -> None:
    asked = []

    def interrupted() -> bool:
        asked.append(None)
        return len(asked) == 3

    assert Validator(step.comparer, samples, 1)(interrupted) is None
    assert len(asked) == 3
    assert step.comparer.module.training


def test_a_prediction_that_is_not_finite_is_not_hidden(step, samples) -> None:
    with torch.no_grad():
        step.comparer.module.decoder.surf_heads["2t"].bias.fill_(math.nan)
    found = Validator(step.comparer, samples, 4)()
    assert math.isnan(found["loss"])
    assert math.isfinite(found["persistence_loss"])


def test_data_that_cannot_be_read_costs_one_validation_and_not_the_training(step, samples) -> None:
    class Broken:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int):
            if index == 1:
                raise DataError("The file is gone.", remedy="Bring it back.")
            return samples[0]

    warnings: list[str] = []
    assert Validator(step.comparer, Broken(), 1, warn=warnings.append)() is None
    assert warnings == ["This validation was left out: The file is gone. Bring it back."]
    assert step.comparer.module.training
    assert math.isfinite(step(0, [samples[0]])["loss"])


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, "abcdefg"), (9, "abcdefg"), (3, "adg"), (2, "ag"), (1, "d"), (4, "aceg")],
)
def test_fewer_samples_are_spread_over_the_period(count, expected) -> None:
    assert "".join(spread("abcdefg", count)) == expected
