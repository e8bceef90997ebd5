"""The catalogue says what the installed package does: a new release that differs fails here."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.variables import Group, find
from aurora_dash.variants import PRESSURE_LEVELS, VARIANTS, Variant, get_variant


def _defaults(class_: type) -> dict[str, Any]:
    """Constructor defaults of a model class, its own overriding its parents'."""
    merged: dict[str, Any] = {}
    for parent in reversed(class_.__mro__):
        if "__init__" in parent.__dict__:
            parameters = inspect.signature(parent.__init__).parameters
            merged |= {
                name: p.default for name, p in parameters.items() if p.default is not p.empty
            }
    return merged


@pytest.fixture(scope="module")
def aurora() -> Any:
    return pytest.importorskip("aurora")


def test_every_model_class_of_the_package_is_in_the_catalogue(aurora: Any) -> None:
    offered = {
        name
        for name, value in vars(aurora).items()
        if inspect.isclass(value) and issubclass(value, aurora.Aurora) and name != "AuroraSmall"
    }
    assert {variant.class_name for variant in VARIANTS} == offered


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_an_entry_agrees_with_the_package(variant: Variant, aurora: Any) -> None:
    class_ = getattr(aurora, variant.class_name)
    defaults = _defaults(class_)
    assert variant.repository == class_.default_checkpoint_repo
    assert variant.filename == class_.default_checkpoint_name
    assert variant.revision == class_.default_checkpoint_revision
    assert variant.surface == defaults["surf_vars"]
    assert variant.static == defaults["static_vars"]
    assert variant.atmospheric == defaults["atmos_vars"]
    assert variant.output_only == defaults["output_only_surf_vars"]
    assert variant.patch_size == defaults["patch_size"]
    assert variant.uses_lora == defaults["use_lora"]
    assert variant.lora_mode == defaults["lora_mode"]
    assert timedelta(hours=variant.timestep_hours) == defaults["timestep"]
    assert variant.has_variable_lead == defaults["variable_lead_time"]
    assert variant.predicts_changes == hasattr(class_, "_predict_difference_history_dim_lookup")


def test_the_levels_are_those_with_statistics_in_the_package(aurora: Any) -> None:
    from aurora.normalisation import locations

    levels = sorted(int(key[2:]) for key in locations if key.startswith("q_"))
    assert tuple(levels) == PRESSURE_LEVELS


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_every_variable_of_a_variant_is_in_the_table(variant: Variant) -> None:
    for group in Group:
        for variable in variant.variables(group):
            assert find(variable.name, group) is not None, variable.key


def test_what_is_predicted_only_is_not_asked_of_the_data() -> None:
    variant = get_variant("v1.5")
    assert "blh" not in variant.required_surface
    assert "insolation" not in variant.required_surface
    assert len(variant.required_surface) == 18


def test_an_unknown_variant_names_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"no model variant 'big'.*0\.25-pretrained"):
        get_variant("big")
