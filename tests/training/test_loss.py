from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.errors import DataError, PathError, SpecError, TrainingError
from aurora_dash.spec import LossSpec, ModelSpec, RunSpec, VariableSpec
from aurora_dash.training.cells import Cells, CellWeights
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
    kinds = LossSpec.model_json_schema()["properties"]["kind"]["enum"]
    assert {*LOSSES, "custom"} == set(kinds)


@pytest.mark.parametrize(
    ("options", "cost"),
    [
        ({"kind": "mse"}, lambda e: e**2),
        ({"kind": "huber"}, lambda e: 0.5 * e**2 if e <= 1 else e - 0.5),
        ({"kind": "huber", "huber_delta": 2.0}, lambda e: 0.5 * e**2 if e <= 2 else 2 * e - 2),
        ({"kind": "combined", "mse_share": 0.25}, lambda e: 0.75 * e + 0.25 * e**2),
    ],
)
def test_what_an_error_costs(batch_of, options, cost) -> None:
    errors = [0.5, 1.0, 3.0]
    predicted = _surface(*errors, 7.0).requires_grad_()
    terms = build_loss(_spec(targets=("2t",), **options))(
        batch_of({"2t": predicted}), batch_of({"2t": _surface(0, 0, 0, NAN)})
    )
    assert terms.total.item() == pytest.approx(0.25 * sum(map(cost, errors)) / 3)
    # What each variable is off by is told in the same way for every loss.
    assert terms.by_variable["2t"].item() == pytest.approx(1.5)
    terms.total.backward()
    slopes = [(cost(e + 1e-4) - cost(e - 1e-4)) / 2e-4 for e in errors]
    expected = [*(0.25 / 3 * slope for slope in slopes), 0.0]
    assert predicted.grad.flatten().tolist() == pytest.approx(expected, abs=1e-3)


def test_huber_is_that_of_torch(batch_of) -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (3 * torch.randn(2, 1, 4, 4, generator=generator) for _ in range(2))
    terms = build_loss(_spec(targets=("2t",), kind="huber", huber_delta=1.5, surface_weight=1))(
        batch_of({"2t": one}), batch_of({"2t": other})
    )
    expected = torch.nn.functional.huber_loss(one, other, delta=1.5)
    torch.testing.assert_close(terms.total, expected)


def test_levels_have_weights_and_a_variables_own_go_before(batch_of) -> None:
    spec = _spec(targets=("z", "t"), level_weights={"850.0": 2.0, "z/850": 3.0, "500": 0.5})
    fields = {"z": _levels([1, 1], [2, 2]), "t": _levels([1, 1], [2, 2])}
    zeros = {name: torch.zeros_like(values) for name, values in fields.items()}
    terms = WeightedMAE(spec)(batch_of(None, fields), batch_of(None, zeros))
    # Means over both levels, of the weighted errors: z (3 * 1 + 0.5 * 2) / 2, t (2 + 1) / 2.
    assert terms.total.item() == pytest.approx((2.0 + 1.5) / 2)
    assert terms.by_variable["z/850"].item() == 1.0


def test_weights_of_levels_must_be_of_what_is_predicted_there() -> None:
    with pytest.raises(SpecError, match="level_weights names '2t/850'"):
        RunSpec.build({"loss": {"level_weights": {"2t/850": 1}}})
    with pytest.raises(SpecError, match="write a level in hPa"):
        RunSpec.build({"loss": {"level_weights": {"high": 1}}})


def _with_mask(batch, lsm: torch.Tensor):
    return dataclasses.replace(batch, static_vars={"lsm": lsm})


def test_points_count_by_their_area_and_gaps_do_not(batch_of) -> None:
    errors = torch.tensor([[1.0, 2.0], [4.0, NAN]]).reshape(1, 1, 2, 2)
    target = batch_of({"2t": errors})
    spec = _spec(targets=("2t",), area_weighted=True, surface_weight=1)
    cells = CellWeights(spec.loss, torch.device("cpu")).of(target)
    terms = WeightedMAE(spec)(batch_of({"2t": torch.zeros_like(errors)}), target, cells)
    # Rows at 60 and 50 degrees north, each 10 degrees high.
    areas = [math.sin(math.radians(up)) - math.sin(math.radians(up - 10)) for up in (65, 55)]
    expected = (areas[0] * (1 + 2) + areas[1] * 4) / (2 * areas[0] + areas[1])
    assert terms.total.item() == pytest.approx(expected, rel=1e-6)
    assert terms.by_variable["2t"].item() == pytest.approx(expected, rel=1e-6)
    assert (terms.num_compared.item(), terms.num_values) == (3, 4)


@pytest.mark.parametrize(("mask", "expected"), [("land", 1.5), ("sea", 4.0)])
def test_land_or_sea_alone_counts(batch_of, mask, expected) -> None:
    errors = torch.tensor([[1.0, 2.0], [4.0, NAN]]).reshape(1, 1, 2, 2)
    target = _with_mask(batch_of({"2t": errors}), torch.tensor([[1.0, 0.51], [0.5, 0.0]]))
    spec = _spec(targets=("2t",), mask=mask, surface_weight=1)
    cells = CellWeights(spec.loss, torch.device("cpu")).of(target)
    terms = WeightedMAE(spec)(batch_of({"2t": torch.zeros_like(errors)}), target, cells)
    assert terms.total.item() == pytest.approx(expected)
    compared = {"land": (2, 2), "sea": (1, 2)}[mask]
    assert (terms.num_compared.item(), terms.num_values) == compared


def test_a_mask_of_ones_own_is_matched_by_coordinates(batch_of, tmp_path) -> None:
    latitude, longitude = np.arange(40.0, 71.0, 10.0), np.arange(5.0, 21.0, 5.0)
    values = np.add.outer(latitude, longitude / 100) / 100
    mask = xr.Dataset(
        {"mine": (("lat", "lon"), values)}, coords={"lat": latitude, "lon": longitude}
    )
    path = tmp_path / "mask.nc"
    mask.to_netcdf(path)
    target = batch_of({"2t": torch.zeros(1, 1, 2, 3)})
    spec = _spec(mask="file", mask_file=str(path)).loss
    weights = CellWeights(spec, torch.device("cpu")).of(target).weights
    expected = [[0.6005, 0.601, 0.6015], [0.5005, 0.501, 0.5015]]
    torch.testing.assert_close(weights, torch.tensor(expected))
    with pytest.raises(PathError, match="outside the folders"):
        CellWeights(spec, torch.device("cpu"), roots=(tmp_path / "elsewhere",))
    elsewhere = batch_of({"2t": torch.zeros(1, 1, 2, 4)})
    with pytest.raises(DataError, match="does not hold that of the data"):
        CellWeights(spec, torch.device("cpu")).of(elsewhere)


def test_a_mask_that_excludes_all_of_a_batch_adds_nothing(batch_of) -> None:
    cells = Cells(torch.zeros(2, 2), 0)
    batch = batch_of({"2t": torch.ones(1, 1, 2, 2)})
    terms = WeightedMAE(_spec(targets=("2t",)))(batch, batch, cells)
    assert terms.total.item() == 0
    assert (terms.num_compared.item(), terms.num_values) == (0, 0)
