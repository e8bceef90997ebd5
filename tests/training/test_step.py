from __future__ import annotations

import copy
import math

import pytest
import torch
from aurora import Batch

from aurora_dash.data.batches import collate
from aurora_dash.data.source import open_data
from aurora_dash.errors import CheckpointError, TrainingError
from aurora_dash.model.build import build_model
from aurora_dash.spec import ModelSpec, VariableSpec
from aurora_dash.training.plan import split_of
from aurora_dash.training.reading import samples_of
from aurora_dash.training.step import TrainingStep
from tests.training.steps import fresh_step, parameters_of, with_changes

CPU = torch.device("cpu")


def _weights(built) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in built.state_dict().items()}


def _unchanged(built, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, before[name]) for name, value in built.state_dict().items())


def test_a_step_changes_the_weights_and_says_what_happened(step, built, samples) -> None:
    before = _weights(built)
    record = step(0, [samples[0]])
    assert not _unchanged(built, before)
    names = {"2t", "10u", "10v", "msl"}
    names |= {f"{name}/{level}" for name in "zuvtq" for level in (850, 500)}
    assert record.keys() == {
        *("loss", "lr", "samples", "grad_norm", "grad_norm_clipped"),
        *(
            f"{what}/{group}"
            for what in ("grad_norm", "grad_norm_clipped", "weight_norm", "update_ratio")
            for group in ("encoder", "backbone", "decoder")
        ),
        *(f"loss/{name}" for name in names),
    }
    parts = sum(record[f"grad_norm/{group}"] ** 2 for group in ("encoder", "backbone", "decoder"))
    assert record["grad_norm"] == pytest.approx(math.sqrt(parts), rel=1e-5)
    assert record["lr"] == pytest.approx(0.5e-3)
    assert record["samples"] == len(samples[0][0].metadata.time)
    assert record["grad_norm_clipped"] == pytest.approx(min(record["grad_norm"], 1.0), rel=1e-5)
    factor = record["grad_norm_clipped"] / record["grad_norm"]
    for group in ("encoder", "backbone", "decoder"):
        clipped = record[f"grad_norm_clipped/{group}"]
        assert clipped == pytest.approx(factor * record[f"grad_norm/{group}"], rel=1e-6)
    surface = sum(record[f"loss/{name}"] for name in ("2t", "10u", "10v", "msl"))
    atmospheric = sum((record[f"loss/{n}/850"] + record[f"loss/{n}/500"]) / 2 for n in "zuvtq")
    assert record["loss"] == pytest.approx((0.25 * surface + atmospheric) / 9, rel=1e-5)


def test_repeated_steps_on_one_batch_learn_it(built, spec, samples) -> None:
    spec = spec.replace(optimiser=spec.optimiser.replace(warmup_steps=0, schedule="constant"))
    step = TrainingStep(built, spec, CPU, 30)
    losses = [step(number, [samples[0]])["loss"] for number in range(30)]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("part", ["input", "target"])
def test_what_is_not_finite_stops_the_step_before_the_weights_change(
    step, built, samples, part
) -> None:
    inputs, (target,) = samples[0]
    value = math.nan if part == "input" else math.inf
    (inputs if part == "input" else target).surf_vars["msl"][..., 3, 3] = value
    before = _weights(built)
    with pytest.raises(TrainingError, match="Step 5: the loss is not finite") as caught:
        step(4, [(inputs, (target,))])
    assert _unchanged(built, before)
    assert "2020-03-01T06:00" in caught.value.message
    if part == "input":
        assert "The input has missing or infinite values in msl." in caught.value.message
        assert "gaps" in caught.value.remedy
    else:
        assert "(in msl;" in caught.value.message
        assert "learning rate" in caught.value.remedy


def test_a_gradient_that_is_not_finite_stops_the_step_too(step, built, samples) -> None:
    parameter = built.module.decoder.surf_heads["2t"].weight
    parameter.register_hook(lambda gradient: gradient * math.inf)
    before = _weights(built)
    with pytest.raises(TrainingError, match=r"the gradient is not finite \(in decoder;"):
        step(0, [samples[0]])
    assert _unchanged(built, before)


def test_missing_target_values_are_left_out_and_counted(step, samples) -> None:
    inputs, (target,) = samples[0]
    for values in (*target.surf_vars.values(), *target.atmos_vars.values()):
        values[..., :4, :] = math.nan
    record = step(0, [(inputs, (target,))])
    assert record["missing_fraction"] == pytest.approx(0.25)
    assert math.isfinite(record["loss"])


def test_a_batch_without_any_target_value_is_refused(step, built, samples) -> None:
    inputs, (target,) = samples[0]
    for values in (*target.surf_vars.values(), *target.atmos_vars.values()):
        values[:] = math.nan
    before = _weights(built)
    with pytest.raises(TrainingError, match=r"Step 1: all target values .* are missing"):
        step(0, [(inputs, (target,))])
    assert _unchanged(built, before)


def test_without_clipping_the_gradients_stay(spec, built, samples) -> None:
    spec = spec.replace(optimiser=spec.optimiser.replace(clip_norm=None))
    record = TrainingStep(built, spec, CPU, 6)(0, [samples[0]])
    assert "grad_norm_clipped" not in record
    gradients = [p.grad for p in built.module.parameters() if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.cat([g.double().flatten() for g in gradients])).item()
    assert norm == pytest.approx(record["grad_norm"], rel=1e-5)


def test_new_variables_learn_at_their_own_rate(spec, samples) -> None:
    spec = spec.replace(
        variables=(VariableSpec(name="tcwv", mean=20, std=10),),
        optimiser=spec.optimiser.replace(lr=1e-4, lr_new=1e-3),
    )
    inputs, (target,) = samples[0]
    for batch in (inputs, target):
        batch.surf_vars["tcwv"] = 20 + torch.randn_like(batch.surf_vars["2t"])
    record = TrainingStep(build_model(spec), spec, CPU, 6)(0, [(inputs, (target,))])
    assert record["lr"] == pytest.approx(0.5e-4)
    assert record["lr/new_embeddings"] == pytest.approx(0.5e-3)
    assert record["grad_norm/new_embeddings"] > 0


def test_a_restored_optimiser_goes_on_exactly(step, built, spec, samples) -> None:
    for number in range(3):
        step(number, [samples[number]])
    weights, state = _weights(built), copy.deepcopy(step.optimiser.state_dict())
    expected = [step(number, [samples[number]])["loss"] for number in (3, 4, 5)]
    other = build_model(spec)
    other.module.load_state_dict(weights)
    resumed = TrainingStep(other, spec, CPU, 6)
    resumed.restore(state)
    assert [resumed(number, [samples[number]])["loss"] for number in (3, 4, 5)] == expected


def test_the_rates_of_the_spec_win_over_those_of_a_checkpoint(step, built, spec, samples) -> None:
    step(0, [samples[0]])
    slower = spec.replace(optimiser=spec.optimiser.replace(lr=1e-5, weight_decay=0.1))
    careful = TrainingStep(built, slower, CPU, 6)
    careful.restore(step.optimiser.state_dict())
    groups = careful.optimiser.param_groups
    assert {(g["peak_lr"], g["weight_decay"]) for g in groups} == {(1e-5, 0.1)}
    assert careful(1, [samples[0]])["lr"] == pytest.approx(1e-5)


def test_a_state_of_other_parameters_is_refused(step) -> None:
    with pytest.raises(CheckpointError, match="does not fit this run"):
        step.restore({"state": {}, "param_groups": []})


def test_noise_of_a_stochastic_model_is_a_function_of_seed_and_draw(spec) -> None:
    from aurora_dash.data.batches import VariableNames, WindowSamples
    from aurora_dash.data.source import open_data
    from aurora_dash.training.plan import split_of

    spec = spec.replace(model=ModelSpec(variant="v1.5-ensemble"))
    opened = open_data(spec.data, spec.model.catalogue_entry, ())
    windows = split_of(spec, opened.dataset).train[:1]
    sample = WindowSamples(opened.dataset, windows, VariableNames.of(spec))[0]
    comparer = TrainingStep(build_model(spec), spec, CPU, 6).comparer
    # At first nothing depends on the noise: adaptive layer norms begin at zero.
    with torch.no_grad():
        for parameter in comparer.module.backbone.parameters():
            parameter.add_(0.05)
    before = torch.get_rng_state()
    with torch.no_grad():
        losses = [comparer.forecast(*sample, draw=draw).total.item() for draw in (0, 1, 0)]
    assert losses[0] == losses[2] != losses[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_accumulated_batches_are_one_larger_batch(spec, samples) -> None:
    """Uneven ones too: 2 and 1 samples, as at the end of an epoch, against 3 at once."""
    exact = {"optimiser__clip_norm": None, "training__statistics_every": None}
    whole = fresh_step(spec, training__batch_size=3, **exact)
    parts = fresh_step(spec, training__batch_size=2, training__accumulate=2, **exact)
    one = whole(0, [collate([samples[i] for i in (0, 1, 2)])])
    two = parts(0, [collate([samples[0], samples[1]]), samples[2]])
    assert two.keys() == one.keys()
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-4, abs=1e-7), name
    pairs = zip(whole.comparer.module.parameters(), parts.comparer.module.parameters(), strict=True)
    for one_parameter, other in pairs:
        torch.testing.assert_close(other.grad, one_parameter.grad, rtol=1e-4, atol=1e-6)


def test_accumulation_is_a_hand_written_loop(spec, samples) -> None:
    step = fresh_step(
        spec, training__batch_size=1, training__accumulate=2, optimiser__clip_norm=None
    )
    reference = fresh_step(spec)
    module, comparer = reference.comparer.module, reference.comparer
    optimiser = torch.optim.AdamW(module.parameters(), lr=5e-4, weight_decay=0.0)
    step(0, [samples[0], samples[1]])
    for inputs, targets in (samples[0], samples[1]):
        (comparer.forecast(inputs, targets, draw=0).total / 2).backward()
    optimiser.step()
    for name, value in module.named_parameters():
        torch.testing.assert_close(parameters_of(step)[name], value, rtol=0, atol=1e-6)


def test_a_gap_in_one_of_several_batches_is_named_before_the_next_is_read(spec, samples) -> None:
    step = fresh_step(spec, training__accumulate=3)
    few = [samples[number] for number in range(3)]
    few[0][0].surf_vars["msl"][:] = math.nan
    before, read = parameters_of(step), []

    def batches():
        for number in range(3):
            read.append(number)
            yield few[number]

    with pytest.raises(TrainingError, match=r"batch of 2020-03-01T06:00\).*infinite values in msl"):
        step(0, batches())
    assert read == [0, 1]
    assert all(torch.equal(value, before[name]) for name, value in parameters_of(step).items())


def test_the_average_of_the_weights_follows_its_recursion(spec, samples) -> None:
    step = fresh_step(spec, optimiser__ema_decay=0.25)
    expected = parameters_of(step)
    for number in range(3):
        step(number, [samples[number]])
        decay = min(0.25, (2 + number) / (11 + number))
        expected = {
            name: decay * expected[name] + (1 - decay) * value
            for name, value in parameters_of(step).items()
        }
    own = parameters_of(step)
    with step.average.applied():
        for name, value in parameters_of(step).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-7)
    assert all(torch.equal(value, own[name]) for name, value in parameters_of(step).items())


def test_the_size_of_an_update_is_measured_by_group_and_new_variable(spec, samples) -> None:
    spec = spec.replace(variables=(VariableSpec(name="tcwv", mean=20, std=10),))
    inputs, targets = sample = samples[0]
    for batch in (inputs, *targets):
        batch.surf_vars["tcwv"] = 20 + torch.randn_like(batch.surf_vars["2t"])
    step = fresh_step(spec, training__statistics_every=2)
    before = parameters_of(step)
    record = step(0, [sample])
    after = parameters_of(step)

    def norm(values, wanted) -> float:
        chosen = [v.double().flatten() for name, v in values.items() if wanted(name)]
        return torch.linalg.vector_norm(torch.cat(chosen)).item()

    def in_decoder(name: str) -> bool:
        return name.startswith("decoder.") and "tcwv" not in name

    def of_tcwv(name: str) -> bool:
        return "tcwv" in name

    change = {name: after[name] - before[name] for name in before}
    for key, wanted in (("decoder", in_decoder), ("new_embeddings/surf_tcwv", of_tcwv)):
        assert record[f"weight_norm/{key}"] == pytest.approx(norm(before, wanted), rel=1e-5)
    ratio = norm(change, of_tcwv) / norm(before, of_tcwv)
    assert record["update_ratio/new_embeddings/surf_tcwv"] == pytest.approx(ratio, rel=1e-3)
    # Larger tensors are sampled.
    ratio = norm(change, in_decoder) / norm(before, in_decoder)
    assert record["update_ratio/decoder"] == pytest.approx(ratio, rel=0.1)
    assert record["grad_norm/new_embeddings/surf_tcwv"] == record["grad_norm/new_embeddings"] > 0
    assert not [name for name in step(1, [sample]) if name.startswith("update_ratio")]


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
def test_groups_have_their_own_rates_and_decay(spec, samples, kind) -> None:
    step = fresh_step(
        spec,
        optimiser__kind=kind,
        optimiser__lr_groups={"decoder": 1e-5},
        optimiser__weight_decay=0.1,
        optimiser__decay_groups={"encoder": 0.2},
        optimiser__decay_biases_and_norms=False,
    )
    found = {}
    for group in step.optimiser.param_groups:
        dims = {min(p.ndim, 2) for p in group["params"]} - {0}
        found[group["name"], max(dims)] = (group["peak_lr"], group["weight_decay"])
    assert found == {
        ("encoder", 2): (1e-3, 0.2),
        ("encoder", 1): (1e-3, 0.0),
        ("backbone", 2): (1e-3, 0.1),
        ("backbone", 1): (1e-3, 0.0),
        ("decoder", 2): (1e-5, 0.1),
        ("decoder", 1): (1e-5, 0.0),
    }
    record = step(1, [samples[0]])
    assert (record["lr"], record["lr/decoder"]) == (1e-3, 1e-5)


def test_the_state_of_another_optimiser_is_refused(spec) -> None:
    other = fresh_step(spec, optimiser__kind="adafactor")
    with pytest.raises(CheckpointError, match="that of another optimiser"):
        other.restore(fresh_step(spec).optimiser.state_dict())


@pytest.mark.parametrize("rollout", [{}, {"kind": "backprop", "steps": 2}])
def test_what_is_normalised_on_the_cpu_goes_to_the_device_only_then(
    spec, monkeypatch, rollout
) -> None:
    """The same numbers; only inputs that a forecast is to join are moved in physical units."""
    spec = with_changes(spec, rollout=rollout)
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    sample = samples_of(spec, opened.dataset, split_of(spec, opened.dataset).train)[0]
    usual = fresh_step(spec)(0, [sample])
    step, moved = fresh_step(spec, loader__normalise_on_cpu=True), []
    move = Batch.to

    def watched(batch: Batch, device: object) -> Batch:
        moved.append(batch.surf_vars["msl"].abs().max().item() > 1000)
        return move(batch, device)

    monkeypatch.setattr(Batch, "to", watched)
    assert step(0, [sample]) == usual
    assert moved.count(True) == (1 if rollout else 0)
    assert moved.count(False) >= 2
