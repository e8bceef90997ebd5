"""The recipes say what the paper says, and keep what is a run's own."""

from __future__ import annotations

import json

import pytest

from aurora_dash.cli.entry import main
from aurora_dash.errors import SpecError
from aurora_dash.presets import PRESETS, get_preset
from aurora_dash.presets.recipe import applied, differences
from aurora_dash.spec import DataSpec, LossSpec, ModelSpec, RunSpec, TrainingSpec, VariableSpec

# Name: steps, GPUs, peak rate, rate of new weights, warm-up, weight decay, rollout, buffer.
PAPER = {
    "hres-0.25": (8000, 8, 5e-5, None, 1000, 5e-6, "backprop", None),
    "hres-0.25-rollout": (13_000, 20, 5e-5, None, None, None, "replay", 200),
    "hres-0.1": (12_500, 8, 2e-4, None, None, 0.0, "none", None),
    "hres-0.1-rollout": (6250, 32, 5e-5, None, None, None, "replay", 20),
    "cams-reanalysis": (22_000, None, 1e-4, 1e-3, 100, None, "none", None),
    "cams-analysis": (7500, None, 1e-4, 1e-3, 100, None, "none", None),
    "cams-rollout": (6500, 16, 5e-5, None, None, None, "replay", 200),
    "wam": (14_000, None, 3e-4, 1e-3, 500, None, "none", None),
    "wam-second": (10_000, None, 5e-5, None, 500, None, "none", None),
    "wam-rollout": (6000, 8, 5e-5, None, None, None, "replay", 100),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_numbers(name: str) -> None:
    spec = get_preset(name)
    optimiser = spec.optimiser
    found = (
        spec.training.steps,
        spec.training.accumulate,
        optimiser.lr,
        optimiser.lr_new,
        optimiser.warmup_steps,
        optimiser.weight_decay,
        spec.rollout.kind,
        spec.rollout.buffer_size,
    )
    for value, expected in zip(found, PAPER[name], strict=True):
        assert expected is None or value == expected
    assert spec.training.batch_size == 1
    assert spec.loss.weights["2t"] == spec.loss.weights["z"] == 3.5
    assert spec.loss.kind == "mae"
    if spec.rollout.kind == "replay":
        assert spec.rollout.refresh_every == 10
        assert spec.trainable.parts == "lora"


def test_four_days_until_step_5000_then_ten() -> None:
    rollout = get_preset("hres-0.25-rollout").rollout
    assert [6 * rollout.steps_at(step) for step in (0, 4999, 5000)] == [96, 96, 240]


@pytest.mark.parametrize(("name", "end"), [("wam", 1e-5), ("wam-second", 1e-5)])
def test_waves_end_at_the_papers_rate(name: str, end: float) -> None:
    optimiser = get_preset(name).optimiser
    assert optimiser.lr * optimiser.final_lr_fraction == pytest.approx(end)


@pytest.mark.parametrize("name", [*PAPER, "lora-rollout"])
def test_validation_takes_a_fraction_of_what_training_does(name: str) -> None:
    spec = get_preset(name)
    samples = spec.training.validation_samples
    assert samples is not None
    trained = spec.training.validate_every * spec.training.accumulate
    # A pass with its gradient costs about three without.
    validated = samples * spec.rollout.num_validated
    assert validated < 0.15 * 3 * trained
    draft = RunSpec(model=ModelSpec(variant=spec.model.variant))
    assert applied(draft, spec).training.validation_samples == samples
    fewer = draft.replace(training=TrainingSpec(validation_samples=5))
    assert applied(fewer, get_preset("regional")).training.validation_samples == 5


def test_a_recipe_keeps_data_variables_and_the_weights_to_begin_from() -> None:
    spec = RunSpec(
        name="mine",
        model=ModelSpec(variant="small", size="tiny"),
        data=DataSpec(lead_hours=6),
        variables=(VariableSpec(name="tcwv", unit="kg m-2", mean=1, std=1),),
        loss=LossSpec(weights={"tcwv": 2.5, "2t": 9.0}, targets=("2t", "tcwv")),
        training=TrainingSpec(steps=5, device="cpu", seed=3),
    )
    after = applied(spec, get_preset("hres-0.25"))
    for field in ("name", "data", "variables"):
        assert getattr(after, field) == getattr(spec, field)
    assert (after.model.variant, after.model.source) == ("small", "random")
    assert (after.training.steps, after.training.accumulate) == (8000, 8)
    assert (after.training.device, after.training.seed) == ("cpu", 3)
    assert (after.loss.weights["tcwv"], after.loss.weights["2t"]) == (2.5, 3.5)
    assert after.loss.targets == ("2t", "tcwv")
    assert after.rollout.kind == "backprop"
    changes = {change.field: (change.before, change.after) for change in differences(spec, after)}
    assert changes["optimiser.lr"] == (1e-4, 5e-5)
    assert changes["training.accumulate"] == (1, 8)
    assert changes["loss.weights.2t"] == (9.0, 3.5)
    assert not [field for field in changes if field.startswith(("data", "variables", "name"))]
    assert applied(after, get_preset("hres-0.25")) == after
    assert differences(after, after) == ()


@pytest.mark.parametrize("name", PRESETS)
def test_every_recipe_goes_with_a_plain_draft(name: str) -> None:
    spec = RunSpec(model=ModelSpec(variant=get_preset(name).model.variant))
    assert applied(spec, get_preset(name)).rollout == get_preset(name).rollout


def test_a_recipe_that_does_not_go_with_the_data_is_refused_in_words() -> None:
    spec = RunSpec(data=DataSpec(lead_hours=12))
    with pytest.raises(SpecError, match=r"lead_hours"):
        applied(spec, get_preset("hres-0.25"))


def test_presets_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(PRESETS)
    assert all(row["summary"].endswith(".") for row in rows)
    assert main(["presets"]) == 0
    assert "hres-0.25-rollout  HRES at 0.25°" in capsys.readouterr().out
    assert main(["presets", "wam", "--json"]) == 0
    assert RunSpec.build(json.loads(capsys.readouterr().out)) == get_preset("wam")
    assert main(["presets", "hres"]) == 2
    assert "Known presets: demo, new-variable" in capsys.readouterr().err


def test_a_preset_of_real_data_does_not_train_on_the_demo_unasked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "hres-0.25"]) == 2
    assert "is for real data, and none was given" in capsys.readouterr().err
