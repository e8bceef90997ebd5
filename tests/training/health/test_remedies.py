"""Remedies: valid wherever they are offered, ranked, and only what is not there yet."""

from __future__ import annotations

import pytest

from aurora_dash.presets import PRESETS, get_preset
from aurora_dash.spec import RunSpec, TrainableSpec, VariableSpec
from aurora_dash.training.health import remedies
from aurora_dash.training.health.memory import memory_remedies
from aurora_dash.training.health.registry import build_rules
from aurora_dash.variants import VARIANTS


def _keys(spec: RunSpec) -> list[str]:
    return [remedy.key for remedy in memory_remedies(spec)]


def test_memory_remedies_come_by_what_they_save_without_those_that_are_on() -> None:
    spec = RunSpec().with_overrides(["training.batch_size=4"])
    assert _keys(spec) == [
        "checkpoint-activations",
        "chunks",
        "autocast",
        "halve-batch",
        "lora",
        "autocast-all",
        "offload",
        "adafactor",
        "in-backward",
    ]
    halved = memory_remedies(spec)[3].assignments
    assert halved == ("training.batch_size=2", "training.accumulate=2")
    through_two = spec.with_overrides(["rollout.kind=backprop"])
    assert "pushforward" in _keys(through_two)
    saving = spec.with_overrides(["model.activation_checkpointing=true", "training.batch_size=1"])
    saving = saving.with_overrides(["model.chunks=4", "optimiser.kind=adafactor"])
    offload = ("offload", "offload-activations")
    assert _keys(saving) == ["autocast", "lora", "autocast-all", *offload, "in-backward"]
    assert "half-weights" in _keys(saving.with_overrides(["model.autocast=true"]))
    saving = saving.with_overrides(["optimiser.clip_norm=null", "optimiser.in_backward=true"])
    # Casting gains nothing on a CPU, and a new variable's weights can't be frozen.
    new = (VariableSpec(name="tcwv"),)
    cpu = saving.with_overrides(["training.device=cpu"]).replace(variables=new)
    assert _keys(cpu) == []


def test_with_chunks_the_backbone_is_not_recomputed_as_a_whole() -> None:
    def applied(spec: RunSpec, key: str) -> RunSpec:
        (remedy,) = (r for r in memory_remedies(spec) if r.key == key)
        return spec.with_overrides(remedy.assignments)

    one_way = applied(applied(RunSpec(), "checkpoint-activations"), "chunks").model
    other_way = applied(applied(RunSpec(), "chunks"), "checkpoint-activations").model
    assert one_way == other_way
    assert one_way.checkpointed_layers == "stages+blocks"


@pytest.mark.parametrize("variant", [variant.id for variant in VARIANTS])
def test_every_remedy_makes_a_valid_spec_for_every_variant(variant: str) -> None:
    spec = RunSpec().with_overrides([f"model.variant={variant}", "training.threads=4"])
    offered = [
        *memory_remedies(spec),
        *remedies.diverged_remedies(spec),
        *(r for rule in build_rules(spec).values() for r in getattr(rule, "_remedies", ())),
    ]
    assert len(offered) > 8
    for remedy in offered:
        assert spec.with_overrides(remedy.assignments) != spec
        assert remedy.label and remedy.explanation.endswith(".")


@pytest.mark.parametrize("preset", PRESETS)
def test_rates_are_halved_for_every_group(preset: str) -> None:
    own = VariableSpec(name="tcwv_own", lr=4e-3)
    spec = get_preset(preset)
    optimiser = spec.optimiser.replace(lr_groups={"decoder": 2e-4})
    spec = spec.replace(
        variables=(*spec.variables, own), optimiser=optimiser, trainable=TrainableSpec()
    )
    changed = spec.with_overrides(remedies.rates(spec, 0.5))
    assert changed.optimiser.lr == pytest.approx(spec.optimiser.lr / 2, rel=1e-5)
    assert changed.optimiser.lr_new == pytest.approx(spec.optimiser.lr_new / 2, rel=1e-5)
    assert changed.optimiser.lr_groups == {"decoder": 1e-4}
    assert changed.variables[-1].lr == pytest.approx(2e-3)
    assert changed.replace(optimiser=spec.optimiser, variables=spec.variables) == spec


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        ([], "optimiser.clip_norm=0.5"),
        (["optimiser.clip_norm=null"], "optimiser.clip_norm=1"),
        (["optimiser.clip_by=value"], "optimiser.clip_value=0.5"),
        (["optimiser.clip_by=adaptive"], "optimiser.clip_factor=0.005"),
    ],
)
def test_clipping_is_tightened_where_it_is_done(assignments: list[str], expected: str) -> None:
    remedy = remedies.clip(RunSpec().with_overrides(assignments))
    assert remedy is not None
    assert remedy.assignments == (expected,)


def test_what_a_step_in_the_backward_pass_can_not_do_is_not_offered() -> None:
    spec = RunSpec().with_overrides(["optimiser.clip_norm=null", "optimiser.in_backward=true"])
    spec = spec.with_overrides(["training.batch_size=2"])
    # Clipping by norm, and gradients of several batches, need all gradients at once.
    offered = {remedy.key for remedy in remedies.diverged_remedies(spec)}
    assert offered == {"halve-rate", "tenth-rate", "stabilise"}
    assert "halve-batch" not in _keys(spec)
    by_value = spec.with_overrides(["optimiser.clip_by=value"])
    assert "clip" in {remedy.key for remedy in remedies.diverged_remedies(by_value)}


def test_the_rate_of_new_variables_is_raised_where_it_counts() -> None:
    spec = RunSpec().with_overrides(['optimiser.lr_groups={"new_embeddings":1e-5}'])
    remedy = remedies.raise_new_rate(spec)
    assert remedy is not None
    changed = spec.with_overrides(remedy.assignments)
    assert changed.optimiser.lr_groups == {"new_embeddings": 1e-3}


def test_a_rate_far_from_any_that_works_is_not_merely_halved() -> None:
    wild = get_preset("demo").with_overrides(["optimiser.lr=10", "optimiser.lr_new=1"])
    first, second, *_ = remedies.diverged_remedies(wild)
    assert (first.key, second.key) == ("usual-rate", "halve-rate")
    changed = wild.with_overrides(first.assignments).optimiser
    assert changed.lr == pytest.approx(1e-3)
    assert changed.lr_new == pytest.approx(1e-4)
    assert remedies.diverged_remedies(get_preset("demo"))[0].key == "halve-rate"
