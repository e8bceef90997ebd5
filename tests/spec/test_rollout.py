from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.errors import SpecError
from aurora_dash.spec import RolloutSpec, RunSpec


def _with(*assignments: str) -> RunSpec:
    return RunSpec().with_overrides(assignments)


def test_a_spec_without_a_rollout_is_read_as_one_step() -> None:
    values = json.loads(RunSpec().to_json())
    del values["rollout"]
    spec = RunSpec.build(values)
    assert (spec.rollout.kind, spec.rollout.num_targets, spec.rollout.members) == ("none", 1, 1)
    assert spec == RunSpec()


def test_the_papers_replay_training_is_a_few_assignments() -> None:
    spec = _with("rollout.kind=replay", "rollout.steps=40", "rollout.curriculum=[[5000,16]]")
    assert (spec.rollout.buffer_size, spec.rollout.refresh_every) == (200, 10)
    assert [spec.rollout.steps_at(step) for step in (0, 4999, 5000, 12_999)] == [16, 16, 40, 40]


@given(
    stages=st.dictionaries(st.integers(1, 100), st.integers(1, 30), max_size=4),
    last=st.integers(2, 40),
)
def test_forecasts_never_get_shorter_nor_longer_than_they_may(stages, last) -> None:
    untils = sorted(stages)
    lengths = sorted(min(steps, last) for steps in stages.values())
    spec = RolloutSpec(
        kind="backprop", steps=last, curriculum=tuple(zip(untils, lengths, strict=True))
    )
    found = [spec.steps_at(step) for step in range(110)]
    assert found == sorted(found)
    assert found[-1] == last == max(found)
    for step, length in enumerate(found):
        assert length == next((n for u, n in zip(untils, lengths, strict=True) if step < u), last)


V15 = "model.variant=v1.5"
ENSEMBLE = "model.variant=v1.5-ensemble"
LORA = ("model.use_lora=true", "trainable.parts=lora", "trainable.lora.kind=package")


@pytest.mark.parametrize(
    ("assignments", "reason"),
    [
        (["rollout.steps=1"], "greater than or equal to 2"),
        (["rollout.kind=backprop", "rollout.curriculum=[[9,2],[5,2]]"], "does not grow"),
        (["rollout.kind=backprop", "rollout.curriculum=[[9,3]]"], r"\[\[9, 3\]\] does not grow"),
        (["rollout.curriculum=[[9,2]]"], "needs forecasts of several steps"),
        (["rollout.kind=replay", "rollout.curriculum=[[9,1]]"], "begins with one step"),
        (
            ["rollout.kind=backprop", "rollout.buffer_size=20"],
            "buffer_size = 20 belongs to the rep",
        ),
        (["rollout.kind=backprop", "rollout.validate_steps=3"], "more than the 2"),
        (["rollout.kind=backprop", "data.lead_hours=12"], "inputs are 6 h apart"),
        (["rollout.kind=replay", "training.epochs=2"], "give training.steps"),
        (["rollout.lead_hours=[6,12]"], "not told the lead"),
        ([V15, "rollout.lead_hours=[6,6]"], "names one twice: 6, 6"),
        ([V15, "rollout.lead_hours=[1,6]", "rollout.kind=backprop"], "choose one of the two"),
        ([V15, "rollout.members=2"], "no noise inside"),
        ([ENSEMBLE, "rollout.members=2", "rollout.kind=replay"], "keeps one forecast a sample"),
        (["model.lora_mode=from_second"], "set model.use_lora to true"),
        (LORA[1:], "this model does not have"),
        ([*LORA, "model.lora_mode=from_second"], "leaves the first step of a forecast without"),
        ([*LORA, "rollout.kind=replay", "rollout.steps=41"], "in the first 40 steps"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(assignments, reason) -> None:
    with pytest.raises(SpecError, match=reason):
        _with(*assignments)


def test_an_input_that_is_not_predicted_can_not_be_rolled_out() -> None:
    new = json.dumps([{"name": "forcing", "role": "input", "mean": 0, "std": 1}])
    _with(f"variables={new}")
    with pytest.raises(SpecError, match="forcing is given to the model but not predicted"):
        _with(f"variables={new}", "rollout.kind=backprop")


def test_a_variant_with_twelve_hours_rolls_out_in_its_own_steps() -> None:
    spec = _with("model.variant=0.25-12h-pretrained", "rollout.kind=backprop")
    assert spec.lead_hours == 12
    with pytest.raises(SpecError, match=r"12 h apart; data\.lead_hours is 6"):
        _with("model.variant=0.25-12h-pretrained", "rollout.kind=backprop", "data.lead_hours=6")


@pytest.mark.parametrize("kind", ["backprop", "pushforward", "replay"])
def test_lora_from_the_second_step_goes_with_forecasts_of_several_steps(kind: str) -> None:
    spec = _with(*LORA, "model.lora_mode=from_second", f"rollout.kind={kind}")
    assert spec.trains_from_second_alone
    assert not spec.trainable.attaches_lora
    assert not _with(*LORA, f"rollout.kind={kind}").trains_from_second_alone
