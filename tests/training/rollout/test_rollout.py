"""Each kind of rollout against a loop written by hand, which calls Aurora itself."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import timedelta

import aurora
import pytest
import torch
from aurora.normalisation import scales
from aurora.rollout import _advance_batch, rollout

from aurora_dash.data.batches import collate
from aurora_dash.errors import TrainingError
from aurora_dash.model.build import SIZES
from aurora_dash.training.rollout.replay import require_matching_times
from aurora_dash.training.schedule import lr_factor
from aurora_dash.training.step import TrainingStep

CPU = torch.device("cpu")
SURFACE = ("2t", "10u", "10v", "msl")
ATMOSPHERIC = ("z", "u", "v", "t", "q")


def normalised_error(prediction, target) -> torch.Tensor:
    """The paper's loss with gamma 1 and weights 1, of batches in physical units."""
    total = 0.0
    for name in SURFACE:
        error = (prediction.surf_vars[name] - target.surf_vars[name]).abs().mean()
        total = total + 0.25 * error / scales[name]
    for name in ATMOSPHERIC:
        difference = (prediction.atmos_vars[name] - target.atmos_vars[name]).abs()
        levels = [scales[f"{name}_{level}"] for level in target.metadata.atmos_levels]
        total = total + (difference.mean(dim=(0, 1, 3, 4)) / torch.tensor(levels)).mean()
    return total / 9


def plain(built) -> aurora.Aurora:
    """The same weights in Aurora's own class."""
    model = aurora.Aurora(**SIZES["tiny"], use_lora=False)
    model.load_state_dict({k: v.clone() for k, v in built.state_dict().items()})
    return model


def gradients(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


def assert_close_gradients(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    scale = max(value.abs().max() for value in expected.values())
    for name, value in expected.items():
        assert (found[name] - value).abs().max() < 1e-4 * scale, name


@pytest.mark.parametrize(("kind", "counted"), [("backprop", (1, 2, 3)), ("pushforward", (3,))])
def test_losses_and_gradients_are_those_of_auroras_own_rollout(prepare, kind, counted) -> None:
    spec, built, samples = prepare(
        f"rollout.kind={kind}", "rollout.steps=3", "optimiser.clip_norm=null"
    )
    inputs, targets = collate([samples[0], samples[2]])
    record = TrainingStep(built, spec, CPU, 6)(0, [(inputs, targets)])

    model = plain(built_before := prepare()[1])
    assert built_before.state_dict().keys() == built.state_dict().keys()
    losses = {}
    if kind == "backprop":
        predictions = enumerate(rollout(model, inputs, 3), start=1)
    else:
        with torch.no_grad():
            first, second = rollout(model, inputs, 2)
        given = _advance_batch(_advance_batch(inputs.crop(4), first), second)
        predictions = [(3, model(given))]
    for number, prediction in predictions:
        losses[number] = normalised_error(prediction, targets[number - 1])
    expected = torch.stack([losses[number] for number in counted]).mean()
    expected.backward()
    assert record["loss"] == pytest.approx(expected.item(), rel=1e-5)
    leads = {k: v for k, v in record.items() if k.startswith("lead_loss/")}
    assert leads == pytest.approx(
        {f"lead_loss/{6 * n}": losses[n].item() for n in counted}, rel=1e-5
    )
    assert_close_gradients(gradients(built.module), gradients(model))


class ByHand:
    """Few-line loops over the same module, for weights that agree in every bit."""

    def __init__(self, spec, built) -> None:
        self.module = built.module
        self.loss = TrainingStep(built, spec, CPU, spec.training.steps).comparer._loss
        self.spec = spec
        parameters = [p for p in built.module.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(parameters, lr=1.0, weight_decay=0.0, fused=True)

    def compare(self, prediction, target) -> torch.Tensor:
        return self.loss(prediction, self.module.normalise_for_loss(target)).total

    def advance(self, inputs, prediction):
        return _advance_batch(inputs.crop(4), self.module.to_physical(prediction))

    def update(self, step: int, loss: torch.Tensor) -> float:
        self.optimiser.zero_grad()
        loss.backward()
        factor = lr_factor(step, self.spec.training.steps, self.spec.optimiser)
        self.optimiser.param_groups[0]["lr"] = self.spec.optimiser.lr * factor
        self.optimiser.step()
        return loss.item()


def assert_same_weights(found, expected) -> None:
    before = expected.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in found.state_dict().items())


@pytest.mark.parametrize("kind", ["backprop", "pushforward"])
def test_a_curriculum_lengthens_forecasts_and_the_weights_agree_bit_for_bit(prepare, kind) -> None:
    lengths = [1, 1, 2, 3]
    spec, built, samples = prepare(
        *(f"rollout.kind={kind}", "rollout.steps=3", "rollout.curriculum=[[2,1],[3,2]]"),
        *("training.steps=4", "optimiser.clip_norm=null"),
    )
    assert [spec.rollout.steps_at(step) for step in range(4)] == lengths
    step = TrainingStep(built, spec, CPU, 4)
    found = [step(number, [samples[number]])["loss"] for number in range(4)]

    _, other, _ = prepare()
    hand = ByHand(spec, other)
    for number, length in enumerate(lengths):
        inputs, targets = samples[number]
        losses = []
        for index in range(length):
            is_last = index == length - 1
            with torch.set_grad_enabled(kind == "backprop" or is_last):
                prediction = hand.module.predict_normalised(inputs)
                inputs = hand.advance(inputs, prediction)
            if kind == "backprop" or is_last:
                losses.append(hand.compare(prediction, targets[index]))
        assert found[number] == hand.update(number, torch.stack(losses).mean())
    assert_same_weights(built, other)


def test_gradients_reach_the_first_step_of_backprop_but_not_of_pushforward(prepare) -> None:
    for kind, expected in (("backprop", True), ("pushforward", False)):
        _, built, samples = prepare(f"rollout.kind={kind}")
        inputs, targets = samples[0]
        for values in inputs.surf_vars.values():
            values.requires_grad_(True)
        spec = prepare(f"rollout.kind={kind}")[0]
        # The oldest input takes part in the first step alone.
        TrainingStep(built, spec, CPU, 6)(0, [(inputs, targets)])
        gradient = inputs.surf_vars["2t"].grad
        assert (gradient is not None and bool(gradient[:, 0].abs().max() > 0)) is expected


@pytest.mark.parametrize("layers", ["default", "stages", "blocks"])
def test_activation_checkpointing_changes_no_gradient(prepare, layers) -> None:
    lora = (
        *("rollout.kind=backprop", "rollout.steps=2", "model.use_lora=true"),
        "model.lora_mode=from_second",
    )
    spec, built, samples = prepare(*lora)
    TrainingStep(built, spec, CPU, 6)(0, [samples[0]])
    spec, other, _ = prepare(
        *lora, "model.activation_checkpointing=true", f"model.checkpointed_layers={layers}"
    )
    TrainingStep(other, spec, CPU, 6)(0, [samples[0]])
    expected = gradients(built.module)
    found = {
        k.replace("_checkpoint_wrapped_module.", ""): v for k, v in gradients(other.module).items()
    }
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert any(".lora_" in name and value.abs().max() > 0 for name, value in expected.items())


def test_lora_from_the_second_step_leaves_the_first_as_it_was(prepare) -> None:
    """What is trained is Aurora's own LoRA alone: the first step can't change."""
    spec, built, samples = prepare(
        *("rollout.kind=backprop", "rollout.steps=2", "model.use_lora=true"),
        *("model.lora_mode=from_second", "trainable.parts=lora", "trainable.lora.kind=package"),
    )
    trained = [n for n, p in built.module.named_parameters() if p.requires_grad]
    assert trained
    assert all(".loras.0.lora_" in name for name in trained)
    before = {k: v.clone() for k, v in built.state_dict().items()}
    inputs, targets = samples[0]
    first = built.module(inputs)
    step = TrainingStep(built, spec, CPU, 6)
    records = [step(number, [(inputs, targets)]) for number in range(4)]
    changed = {k for k, v in built.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == set(trained)
    assert {record["lead_loss/6"] for record in records} == {records[0]["lead_loss/6"]}
    assert records[-1]["lead_loss/12"] < records[0]["lead_loss/12"]
    again = built.module(inputs)
    assert all(torch.equal(again.surf_vars[n], v) for n, v in first.surf_vars.items())


def test_a_prediction_that_is_normalised_has_the_physical_one_in_it(prepare) -> None:
    _, built, samples = prepare()
    inputs = samples[0][0]
    with torch.no_grad():
        expected = built.module.predict(inputs)
        found = built.module.to_physical(built.module.predict_normalised(inputs))
    for name, values in expected.surf_vars.items():
        assert torch.equal(found.surf_vars[name], values)
    for name, values in expected.atmos_vars.items():
        assert torch.equal(found.atmos_vars[name], values)
    for name, values in expected.static_vars.items():
        assert torch.equal(found.static_vars[name], values)
    assert found.metadata.time == expected.metadata.time
    assert found.metadata.rollout_step == 1


def test_what_a_rollout_is_trained_on_has_targets_for_every_step(prepare) -> None:
    _, _, samples = prepare("rollout.kind=backprop", "rollout.steps=4")
    for index in range(len(samples)):
        inputs, targets = samples[index]
        times = [target.metadata.time[0] for target in targets]
        start = inputs.metadata.time[0]
        assert times == [start + timedelta(hours=6 * n) for n in range(1, 5)]


def test_a_square_root_does_not_spoil_the_gradients_of_a_forecast_that_goes_on(prepare) -> None:
    rain = {"name": "rain", "source_name": "tcwv", "transform": "sqrt", "mean": 0.0, "std": 1.0}
    spec, built, samples = prepare(
        *("rollout.kind=backprop", "rollout.steps=2", f"variables={json.dumps([rain])}")
    )
    with torch.no_grad():
        built.module.decoder.surf_heads["rain"].bias.fill_(-1)
    record = TrainingStep(built, spec, CPU, 6)(0, [samples[0]])
    assert math.isfinite(record["grad_norm"])


def test_a_forecast_and_a_target_of_another_time_are_refused(prepare) -> None:
    _, _, samples = prepare()
    inputs, (target,) = samples[0]
    require_matching_times(inputs, target, 6.0)
    times = tuple(time + timedelta(hours=6) for time in target.metadata.time)
    late = dataclasses.replace(target, metadata=dataclasses.replace(target.metadata, time=times))
    with pytest.raises(TrainingError, match="expected 6 h between them"):
        require_matching_times(inputs, late, 6.0)
