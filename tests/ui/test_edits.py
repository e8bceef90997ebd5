"""Changes to a spec that touch more than one field."""

from __future__ import annotations

import pytest

from aurora_dash.data.findings import Fix
from aurora_dash.errors import SpecError
from aurora_dash.presets import demo
from aurora_dash.spec import LossSpec, RunSpec, VariableSpec
from aurora_dash.spec.remedies import InfillTime
from aurora_dash.ui import edits
from aurora_dash.variables import Group


def test_a_field_is_assigned_and_the_rest_is_kept() -> None:
    spec = edits.assign(demo(), "data.demo.height", 48)
    assert spec.data.demo.height == 48
    assert edits.assign(spec, "data.demo.height", demo().data.demo.height) == demo()


def test_a_refused_value_names_the_field() -> None:
    with pytest.raises(SpecError, match="height = 3"):
        edits.assign(demo(), "data.demo.height", 3)


def test_another_variant_gives_up_what_it_has_already_and_what_it_does_not_predict() -> None:
    spec = edits.add_variable(demo(), VariableSpec(name="tcc", mean=0.5, std=0.2))
    spec = edits.add_variable(spec, VariableSpec(name="sst", mean=290, std=8))
    spec = edits.assign(spec, "loss.targets", ("2t", "tcc", "sst"))
    changed, given_up = edits.choose_variant(spec, "v1.5")
    assert [v.name for v in changed.variables] == ["sst"]
    assert changed.loss.targets == ("2t", "tcc", "sst")
    assert given_up == ("tcc is no longer registered: V1.5, 0.25° has it already.",)


def test_another_variant_drops_targets_that_it_does_not_predict() -> None:
    spec, _ = edits.choose_variant(demo(), "0.4-air-pollution")
    spec = edits.assign(spec, "loss.targets", ("2t", "pm10"))
    spec = edits.set_weights(spec, {"pm10": 3.0, "msl": 2.0})
    changed, given_up = edits.choose_variant(spec, "small")
    assert changed.loss.targets == ("2t",)
    assert changed.loss.weights == {"msl": 2.0}
    assert given_up == ("No longer a target or weighted, not predicted any more: pm10.",)


def test_another_variant_gives_up_copies_of_and_statistics_for_what_it_lacks() -> None:
    spec, _ = edits.choose_variant(demo(), "0.4-air-pollution")
    spec = edits.add_variable(spec, VariableSpec(name="dust", initialise="copy", copy_from="pm10"))
    spec = edits.add_variable(spec, VariableSpec(name="sst", initialise="copy", copy_from="2t"))
    spec = edits.assign(spec, "model.statistics", {"pm10": (0.0, 1e-7)})
    assert edits.choose_variant(spec, "0.4-air-pollution") == (spec, ())
    changed, given_up = edits.choose_variant(spec, "small")
    assert [v.copy_from for v in changed.variables] == [None, "2t"]
    assert changed.model.statistics == {}
    assert [note.partition(" ")[0] for note in given_up] == ["dust", "Statistics"]


def test_an_untouched_learning_rate_follows_the_source_of_weights() -> None:
    from_hub = edits.choose_source(demo(), "hub")
    assert from_hub.optimiser.lr == edits.CHECKPOINT_LR
    assert edits.choose_source(from_hub, "random").optimiser.lr == edits.RANDOM_LR


def test_a_chosen_learning_rate_is_left_alone() -> None:
    spec = edits.assign(demo(), "optimiser.lr", 3e-5)
    assert edits.choose_source(spec, "hub").optimiser.lr == 3e-5


def test_registering_again_replaces() -> None:
    spec = edits.add_variable(demo(), VariableSpec(name="tcc", mean=0.5, std=0.2))
    spec = edits.add_variable(spec, VariableSpec(name="tcc", mean=0.6, std=0.3))
    assert [(v.name, v.mean) for v in spec.variables] == [("tcc", 0.6)]


def test_a_removed_variable_takes_its_target_and_weight_along() -> None:
    spec = edits.add_variable(demo(), VariableSpec(name="tcc", mean=0.5, std=0.2))
    spec = edits.assign(spec, "loss.targets", ("tcc", "2t"))
    spec = edits.set_weights(spec, {"tcc": 2.0, "2t": 3.5})
    removed = edits.remove_variable(spec, "tcc", Group.SURFACE)
    assert removed.variables == ()
    assert removed.loss.targets == ("2t",)
    assert removed.loss.weights == {"2t": 3.5}


def test_a_static_variable_leaves_without_touching_an_equal_target() -> None:
    spec = demo().replace(
        variables=(VariableSpec(name="w", group=Group.STATIC, mean=0.0, std=1.0),)
    )
    spec = spec.replace(loss=spec.loss.replace(targets=("2t",)))
    removed = edits.remove_variable(spec, "w", Group.STATIC)
    assert (removed.variables, removed.loss.targets) == ((), ("2t",))


def test_weights_of_the_paper_fit_every_model() -> None:
    assert edits.set_weights(demo(), edits.PAPER_WEIGHTS).loss.weights == edits.PAPER_WEIGHTS


NEW_ALONE = {"parts": "new"}


def test_what_trained_only_a_removed_variable_trains_everything_again() -> None:
    spec = edits.add_variable(demo(), VariableSpec(name="tcc", mean=0.5, std=0.2))
    spec = spec.replace(trainable={**NEW_ALONE, "lora": {"rank": 4}})
    removed = edits.remove_variable(spec, "tcc", Group.SURFACE)
    assert removed.trainable.parts == "all"
    assert removed.trainable.lora.rank == 4


def test_what_is_trained_stays_while_it_fits() -> None:
    spec = edits.add_variable(demo(), VariableSpec(name="tcc", mean=0.5, std=0.2))
    spec = edits.add_variable(spec, VariableSpec(name="lcc", mean=0.5, std=0.2))
    spec = spec.replace(trainable=NEW_ALONE)
    assert edits.remove_variable(spec, "tcc", Group.SURFACE).trainable == spec.trainable
    lora = demo().replace(trainable={"parts": "lora"})
    assert edits.choose_variant(lora, "0.25-wave")[0].trainable == lora.trainable


def test_a_variant_that_knows_all_new_variables_says_that_everything_is_trained() -> None:
    spec = edits.add_variable(demo(), VariableSpec(name="tcc", mean=0.5, std=0.2))
    spec = spec.replace(trainable=NEW_ALONE)
    changed, given_up = edits.choose_variant(spec, "v1.5")
    assert changed.trainable.parts == "all"
    assert any("All of the model is trained" in text for text in given_up)


def test_another_variant_keeps_forecasts_in_training_as_far_as_it_can() -> None:
    spec = RunSpec().with_overrides(["model.variant=v1.5-ensemble", "rollout.members=4"])
    changed, given_up = edits.choose_variant(spec, "small")
    assert changed.rollout.members == 1
    assert any("members = 4 would be the same forecast each" in note for note in given_up)
    spec = RunSpec().with_overrides(["rollout.kind=backprop", "rollout.steps=3"])
    changed, given_up = edits.choose_variant(spec, "0.25-wave")
    assert changed.rollout == spec.rollout
    assert not given_up


def test_another_variant_without_lora_has_none_to_train() -> None:
    lora = ["trainable.parts=lora", "trainable.lora.kind=package", "model.lora_mode=from_second"]
    spec = RunSpec().with_overrides(
        ["model.variant=0.25-finetuned", *lora, "rollout.kind=backprop"]
    )
    changed, _ = edits.choose_variant(spec, "small")
    assert changed.model.lora_mode is None
    assert changed.trainable.lora.kind == "attached"


def test_a_variant_of_other_patches_gives_up_crops_that_do_not_fill_them() -> None:
    spec = RunSpec().with_overrides(["data.crop=[16,32]"])
    changed, given_up = edits.choose_variant(spec, "0.1-finetuned")
    assert changed.data.crop is None
    assert "Crops of 16 × 32 are no longer cut out: they don't fill patches of 10." in given_up
    kept, _ = edits.choose_variant(spec, "0.25-wave")
    assert kept.data.crop == (16, 32)


def test_a_fix_that_omits_a_variable_takes_its_target_and_weight_along() -> None:
    rain = VariableSpec(name="rain", unit="m")
    spec = RunSpec(variables=(rain,), loss=LossSpec(targets=("2t", "rain"), weights={"rain": 2.0}))
    fix = Fix(label="Omit the variable", assignments=("variables=[]",), omits="surf_rain")
    changed = edits.apply_fix(spec, fix)
    assert changed.variables == ()
    assert changed.loss.targets == ("2t",)
    assert changed.loss.weights == {}


def test_a_fix_is_what_its_assignments_say() -> None:
    fix = Fix.by("Infill", InfillTime(variable="surf_2t"))
    changed = edits.apply_fix(RunSpec(), fix)
    assert changed.data.remedies == (InfillTime(variable="surf_2t"),)
    with pytest.raises(SpecError, match="twice"):
        edits.apply_fix(changed, fix)
