"""What can be said of a new variable, and what is refused where it is said."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group


def build(**fields: Any) -> VariableSpec:
    return VariableSpec.build({"name": "tp", **fields})


def test_a_spec_from_before_means_what_it_meant() -> None:
    old = build(unit="m", mean=1.0, std=2.0)
    assert (old.role, old.transform, old.initialise, old.lr) == ("both", "none", "random", None)
    assert old.is_given
    assert old.is_predicted
    assert RunSpec.build({"model": {"variant": "small"}}).model.statistics == {}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"transform": "log"}, "needs transform_offset"),
        ({"transform": "log", "transform_offset": 0}, "greater than 0"),
        ({"transform": "sqrt", "transform_offset": 1e-5}, "belongs to transform 'log'"),
        ({"transform_offset": 1e-5}, "belongs to transform 'log'"),
        ({"transform": "cube"}, "'none', 'log' or 'sqrt'"),
        ({"initialise": "copy"}, "go together"),
        ({"copy_from": "msl"}, "go together"),
        ({"group": "static", "role": "output"}, "never predicted"),
        ({"lr": 0}, "greater than 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        build(**fields)


def test_only_a_variable_of_the_model_and_of_the_same_group_is_copied() -> None:
    for name in ("z", "tp", "nothing"):
        with pytest.raises(SpecError, match="own surface variables are 2t, 10u, 10v, msl"):
            RunSpec.build({"variables": [build(initialise="copy", copy_from=name).model_dump()]})
    assert RunSpec(variables=(build(initialise="copy", copy_from="msl"),)).variables


def test_roles_say_what_is_given_and_what_is_predicted() -> None:
    spec = RunSpec(
        variables=(
            build(role="input"),
            build(name="cp", role="output"),
            build(name="w", group=Group.ATMOSPHERIC, role="output"),
            build(name="x", group=Group.ATMOSPHERIC, role="input"),
            # A static variable may have the name of an atmospheric one.
            build(name="w", group=Group.STATIC),
        )
    )
    assert spec.predicted_names == ("2t", "10u", "10v", "msl", "cp", *"zuvtq", "w")
    assert spec.input_only == ("tp", "x")
    assert spec.output_only == ("cp", "w")


def test_what_is_only_given_is_no_target() -> None:
    with pytest.raises(SpecError, match=r"loss\.targets names 'tp'"):
        RunSpec.build({"variables": [{"name": "tp", "role": "input"}], "loss": {"targets": ["tp"]}})


@pytest.mark.parametrize("key", ["tp", "z_501", "z_", "2t_500"])
def test_statistics_are_changed_of_the_models_own_variables_only(key: str) -> None:
    with pytest.raises(SpecError, match="none of the model's own variables"):
        ModelSpec.build({"statistics": {key: [0, 1]}})


def test_changed_statistics_can_normalise() -> None:
    assert ModelSpec.build({"statistics": {"z_500": [5e4, 3e3], "z": [0, 1]}}).statistics["z"]
    with pytest.raises(SpecError, match="greater than 0"):
        ModelSpec.build({"statistics": {"2t": [280, 0]}})


def test_a_name_that_v1p5_takes_the_logarithm_of_by_itself_is_refused() -> None:
    variables = [{"name": "scaled_rain"}]
    with pytest.raises(SpecError, match="takes the logarithm"):
        RunSpec.build({"model": {"variant": "v1.5"}, "variables": variables})
    assert RunSpec.build({"variables": variables}).variables
