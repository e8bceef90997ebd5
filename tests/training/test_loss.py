from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.errors import TrainingError
from aurora_dash.spec import LossSpec, ModelSpec, RunSpec, VariableSpec
from aurora_dash.training.loss import LOSSES, WeightedMAE, build_loss

NAN = float("nan")


def _spec(variant: str = "small", **loss: object) -> RunSpec:
    return RunSpec(model=ModelSpec(variant=variant), loss=LossSpec(**loss))


def _surface(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def _levels(first: list[float], second: list[float]) -> torch.Tensor:
    return torch.tensor([first, second], dtype=torch.float32).reshape(1, 1, 2, 1, -1)


def test_it_is_the_papers_formula_by_hand(batch_of) -> None:
    loss = WeightedMAE(_spec(targets=("2t", "msl", "z"), weights={"2t": 3.0, "z": 2.8}, gamma=2.0))
    prediction = batch_of(
        {"2t": _surface(1, 2), "msl": _surface(0, 0)}, {"z": _levels([0, 0], [1, 1])}
    )
    target = batch_of({"2t": _surface(0, 0), "msl": _surface(4, 0)}, {"z": _levels([1, 3], [1, 1])})
    # mean|d2t| = 1.5, mean|dmsl| = 2, mean|dz| = (1 + 3 + 0 + 0) / 4 = 1; V_S + V_A = 3.
    expected = 2.0 / 3 * (0.25 * (3.0 * 1.5 + 1.0 * 2.0) + 1.0 * 2.8 * 1.0)
    terms = loss(prediction, target)
    assert terms.total.item() == pytest.approx(expected)
    found = {name: part.item() for name, part in terms.by_variable.items()}
    assert found == {"2t": 1.5, "msl": 2.0, "z/850": 2.0, "z/500": 0.0}
    assert (terms.num_compared.item(), terms.num_values) == (8, 8)


@given(
    seed=st.integers(0, 2**31),
    surface_weight=st.floats(0, 3),
    atmospheric_weight=st.floats(0, 3),
    gamma=st.floats(0.1, 3),
    weight=st.floats(0, 5),
    share_missing=st.floats(0, 0.9),
)
@settings(max_examples=40, deadline=None)
def test_it_equals_the_formula_in_numpy_with_any_gaps(
    batch_of, seed, surface_weight, atmospheric_weight, gamma, weight, share_missing
) -> None:
    spec = _spec(
        targets=("2t", "10u", "t"),
        weights={"10u": weight, "t": 1.7},
        surface_weight=surface_weight,
        atmospheric_weight=atmospheric_weight,
        gamma=gamma,
    )
    rng = np.random.default_rng(seed)
    shapes = {"2t": (2, 1, 3, 4), "10u": (2, 1, 3, 4), "t": (2, 1, 2, 3, 4)}
    predicted = {k: rng.normal(size=shape).astype(np.float32) for k, shape in shapes.items()}
    wanted = {k: rng.normal(size=shape).astype(np.float32) for k, shape in shapes.items()}
    for values in wanted.values():
        values[rng.random(values.shape) < share_missing] = np.nan
    weights = {"2t": surface_weight, "10u": surface_weight * weight, "t": atmospheric_weight * 1.7}
    means = {
        k: np.nanmean(np.abs(predicted[k] - wanted[k]), dtype=float)
        if np.isfinite(wanted[k]).any()
        else 0.0
        for k in shapes
    }
    expected = gamma / 3 * sum(weights[k] * means[k] for k in shapes)

    def batch(fields):
        tensors = {k: torch.from_numpy(v) for k, v in fields.items()}
        return batch_of({k: tensors[k] for k in ("2t", "10u")}, {"t": tensors["t"]})

    terms = WeightedMAE(spec)(batch(predicted), batch(wanted))
    assert terms.total.item() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert terms.num_compared.item() == sum(np.isfinite(v).sum() for v in wanted.values())


def test_missing_target_values_are_masked_and_leave_finite_gradients(batch_of) -> None:
    predicted = _surface(1, 5, 2).requires_grad_()
    terms = WeightedMAE(_spec(targets=("2t",)))(
        batch_of({"2t": predicted}), batch_of({"2t": _surface(0, NAN, 0)})
    )
    assert terms.by_variable["2t"].item() == 1.5
    assert terms.num_compared.item() == 2
    terms.total.backward()
    assert predicted.grad.flatten().tolist() == [0.125, 0.0, 0.125]


def test_a_variable_without_any_target_value_adds_nothing_and_shows_as_nan(batch_of) -> None:
    terms = WeightedMAE(_spec(targets=("2t", "msl")))(
        batch_of({"2t": _surface(1, 1), "msl": _surface(3, 3)}),
        batch_of({"2t": _surface(NAN, NAN), "msl": _surface(1, 1)}),
    )
    assert terms.total.item() == pytest.approx(0.25 / 2 * 2.0)
    assert math.isnan(terms.by_variable["2t"].item())


def test_a_missing_prediction_is_loud(batch_of) -> None:
    predicted, wanted = {"2t": _surface(NAN, 1)}, {"2t": _surface(0, 0)}
    spec = _spec(targets=("2t",))
    assert math.isnan(WeightedMAE(spec)(batch_of(predicted), batch_of(wanted)).total.item())
    allowed = WeightedMAE(spec, may_be_absent=("2t",))(batch_of(predicted), batch_of(wanted))
    assert allowed.by_variable["2t"].item() == 1.0


def test_an_infinite_target_is_loud(batch_of) -> None:
    terms = WeightedMAE(_spec(targets=("2t",)))(
        batch_of({"2t": _surface(0, 0)}), batch_of({"2t": _surface(1, math.inf)})
    )
    assert math.isinf(terms.total.item())


@pytest.mark.parametrize("role", ["prediction", "target"])
def test_a_target_that_matches_nothing_is_an_error(batch_of, role) -> None:
    full = batch_of({"2t": _surface(0), "msl": _surface(0)})
    partial = batch_of({"2t": _surface(0)})
    pair = (partial, full) if role == "prediction" else (full, partial)
    with pytest.raises(TrainingError, match=f"'msl' matches nothing: the {role} has no such"):
        WeightedMAE(_spec(targets=("2t", "msl")))(*pair)


def test_a_target_of_another_shape_is_an_error(batch_of) -> None:
    with pytest.raises(TrainingError, match=r"shape \(1, 1, 1, 3\), its prediction \(1, 1, 1, 2\)"):
        WeightedMAE(_spec(targets=("2t",)))(
            batch_of({"2t": _surface(0, 0)}), batch_of({"2t": _surface(0, 0, 0)})
        )


def test_directions_are_compared_around_the_circle(batch_of) -> None:
    spec = _spec("0.25-wave", targets=("mwd",))
    terms = WeightedMAE(spec)(
        batch_of({"mwd": _surface(359, 10, 90)}), batch_of({"mwd": _surface(1, 350, 270)})
    )
    # 2, 20 and 180 degrees, over the standard deviation of a uniform direction.
    assert terms.by_variable["mwd"].item() == pytest.approx(202 / 3 / (360 / math.sqrt(12)))


def test_by_default_all_predicted_variables_count_but_not_what_is_computed() -> None:
    new = VariableSpec(name="tcwv", mean=1, std=1)
    loss = WeightedMAE(RunSpec(variables=(new,)))
    assert loss.surface == ("2t", "10u", "10v", "msl", "tcwv")
    assert loss.atmospheric == ("z", "u", "v", "t", "q")
    assert "insolation" not in WeightedMAE(_spec("v1.5")).surface
    assert "i10fg" in WeightedMAE(_spec("v1.5")).surface


def test_losses_are_found_by_the_name_in_the_spec() -> None:
    assert isinstance(build_loss(RunSpec()), WeightedMAE)
    kinds = LossSpec.model_json_schema()["properties"]["kind"]
    assert set(LOSSES) == {kinds.get("const"), *kinds.get("enum", ())} - {None}
