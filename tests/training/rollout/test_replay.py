from __future__ import annotations

import json
from random import Random

import pytest
import torch
from aurora.rollout import _advance_batch

from aurora_dash.data.batches import WindowSamples, collate
from aurora_dash.errors import TrainingError
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.spec import RolloutSpec, RunSpec
from aurora_dash.training.engine import train
from aurora_dash.training.loader import TrainingBatches
from aurora_dash.training.order import BatchOrder, mix_seed
from aurora_dash.training.rollout.buffer import Entry, memory_needed
from aurora_dash.training.rollout.plan import _SEED, ReplayPlan
from aurora_dash.training.rollout.replay import Replay, replay_windows
from aurora_dash.training.schedule import lr_factor
from aurora_dash.training.step import TrainingStep
from tests.training.stops import after

CPU = torch.device("cpu")
REPLAY = (
    *("rollout.kind=replay", "rollout.steps=4", "rollout.refresh_every=5"),
    *("rollout.buffer_size=2", "rollout.curriculum=[[4,2],[8,3]]", "training.steps=16"),
)


def _train(spec: RunSpec, built, samples, steps: int) -> list[float]:
    """Train as the engine does, on samples that have all targets."""
    order = BatchOrder(len(samples), 2, spec.training.seed)
    replay = Replay(spec, order)
    read = WindowSamples(samples._dataset, replay_windows(samples.windows, spec), samples.names)
    step = TrainingStep(built, spec, CPU, spec.training.steps, replay=replay)
    with TrainingBatches(read, replay.order) as batches:
        return [step(number, [batches.take(number)])["loss"] for number in range(steps)]


def test_it_trains_like_a_loop_written_by_hand(prepare) -> None:
    """Sixteen steps with every kind of step, and weights that agree bit for bit."""
    spec, built, samples = prepare(*REPLAY, "optimiser.clip_norm=null")
    found = _train(spec, built, samples, 16)

    _, other, _ = prepare(*REPLAY)
    module = other.module
    loss = TrainingStep(other, spec, CPU, 16).comparer._loss
    optimiser = torch.optim.AdamW(module.parameters(), weight_decay=0.0, fused=True)
    order = BatchOrder(len(samples), 2, spec.training.seed)
    buffer, begun, expected, leads = [], 0, [], []
    for step in range(16):
        if step % 5 == 0 or not buffer:
            chosen = [samples[i] for i in order.batch(begun)]
            inputs, targets = collate(chosen)
            statics, lead = inputs.static_vars, 0
            begun += 1
        else:
            random = Random(mix_seed(spec.training.seed + _SEED, step))
            inputs, targets, lead = buffer.pop(random.randrange(len(buffer)))
            inputs.static_vars = statics
        prediction = module.predict_normalised(inputs)
        value = loss(prediction, module.normalise_for_loss(targets[lead])).total
        optimiser.zero_grad()
        value.backward()
        optimiser.param_groups[0]["lr"] = 1e-3 * lr_factor(step, 16, spec.optimiser)
        longest = 2 if step < 4 else 3 if step < 8 else 4
        if lead + 1 < longest:
            with torch.no_grad():
                following = _advance_batch(inputs.crop(4), module.to_physical(prediction))
            buffer = [*buffer, (following, targets, lead + 1)][-2:]
        optimiser.step()
        expected.append(value.item())
        leads.append(lead)
    assert set(leads) == {0, 1, 2, 3}
    assert found == expected
    weights = other.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in built.state_dict().items())


def _losses(run: Run) -> list[dict]:
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    kept = ("step", "split", "loss", "grad_norm", "epoch")
    return [
        {k: v for k, v in line.items() if k in kept or k.startswith("lead_loss")} for line in lines
    ]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(store, spec) -> None:
    spec = spec.with_overrides([*REPLAY, "training.validate_every=16"])
    whole, cut = store.create(spec), store.create(spec)
    assert train(whole).state == RunState.COMPLETED
    assert train(cut, should_stop=after(cut, 7)).state == RunState.STOPPED
    assert cut.status().step == 7
    assert train(cut).state == RunState.COMPLETED
    assert not [event for event in cut.events() if event["level"] == "warning"]
    assert _losses(cut) == _losses(whole)
    records = _losses(whole)
    trained = {k for r in records if r["split"] == "train" for k in r if "lead_loss" in k}
    assert trained == {f"lead_loss/{hours}" for hours in (6, 12, 18, 24)}
    last = records[-1]
    assert last["split"] == "validation"
    leads = [last[f"lead_loss/{hours}"] for hours in (6, 12, 18, 24)]
    assert last["loss"] == pytest.approx(sum(leads) / 4)
    assert leads == sorted(leads)
    assert any("replay buffer takes up to" in event["message"] for event in whole.events())


def test_a_step_that_fails_leaves_the_buffer_as_it_was(prepare) -> None:
    spec, built, samples = prepare(*REPLAY)
    replay = Replay(spec, BatchOrder(len(samples), 2, 0))
    read = WindowSamples(samples._dataset, replay_windows(samples.windows, spec), samples.names)
    step = TrainingStep(built, spec, CPU, 16, replay=replay)
    with TrainingBatches(read, replay.order) as batches:
        for number in range(3):
            step(number, [batches.take(number)])
        before = replay.state_dict()
        inputs, (target,) = batches.take(3)
        target.surf_vars["msl"] = target.surf_vars["msl"] * torch.inf
        with pytest.raises(TrainingError, match="not finite"):
            step(3, [(inputs, (target,))])
    after = replay.state_dict()
    assert after["waiting"] == before["waiting"]
    assert after["entries"].keys() == before["entries"].keys()
    assert after["step"] == 3


def test_a_step_of_several_batches_that_fails_leaves_the_buffer_as_it_was(prepare) -> None:
    """Its second batch may go on from the first; the third fails. The curriculum counts steps."""
    spec, built, samples = prepare(*REPLAY, "training.accumulate=3", "rollout.curriculum=[[4,3]]")
    replay = Replay(spec, BatchOrder(len(samples), 2, 0))
    read = WindowSamples(samples._dataset, replay_windows(samples.windows, spec), samples.names)
    step = TrainingStep(built, spec, CPU, 16, replay=replay)
    with TrainingBatches(read, replay.order) as batches:
        leads = set()
        for number in range(4):
            record = step(number, [batches.take(3 * number + i) for i in range(3)])
            leads |= {name for name in record if name.startswith("lead_loss")}
        # Until step 4 forecasts have three steps, although 12 batches were taken.
        assert leads == {"lead_loss/6", "lead_loss/12", "lead_loss/18"}
        assert replay.state_dict()["waiting"]
        before = replay.state_dict()
        taken = [batches.take(12 + i) for i in range(3)]
        (target,) = taken[2][1]
        target.surf_vars["msl"] = target.surf_vars["msl"] * torch.inf
        with pytest.raises(TrainingError, match="not finite"):
            step(4, taken)
    after = replay.state_dict()
    assert after["waiting"] == before["waiting"]
    assert after["entries"].keys() == before["entries"].keys()
    assert after["step"] == 12


def test_with_other_batches_a_step_the_buffer_begins_anew_and_samples_go_on(prepare) -> None:
    spec, built, samples = prepare(*REPLAY)
    order = BatchOrder(len(samples), 2, 0)
    replay = Replay(spec, order)
    read = WindowSamples(samples._dataset, replay_windows(samples.windows, spec), samples.names)
    step = TrainingStep(built, spec, CPU, 16, replay=replay)
    with TrainingBatches(read, replay.order) as batches:
        for number in range(3):
            step(number, [batches.take(number)])
    state = replay.state_dict()
    assert state["waiting"]
    same, other = Replay(spec, order), Replay(spec.with_overrides(["training.accumulate=2"]), order)
    for following in (same, other):
        following.load_state_dict(state)
    assert len(same.buffer) == len(replay.buffer)
    # Nothing is held that no step will ever go on from.
    assert len(other.buffer) == 0
    draw = other.plan.at(6)
    assert (draw.source, draw.num_begun) == (None, state["num_begun"])


def test_lora_from_the_second_step_alone_begins_with_the_second_step(prepare) -> None:
    options = (
        *("rollout.kind=replay", "rollout.steps=3", "model.use_lora=true"),
        *("model.lora_mode=from_second", "trainable.parts=lora", "trainable.lora.kind=package"),
    )
    spec, built, samples = prepare(*options)
    with torch.no_grad():
        first = built.module(samples[0][0])
    order = BatchOrder(len(samples), 1, 0)
    replay = Replay(spec, order)
    read = WindowSamples(samples._dataset, replay_windows(samples.windows, spec), samples.names)
    step = TrainingStep(built, spec, CPU, 6, replay=replay)
    with TrainingBatches(read, replay.order) as batches:
        records = [step(number, [batches.take(number)]) for number in range(4)]
    leads = [[k for k in record if k.startswith("lead_loss")] for record in records]
    assert leads == [["lead_loss/12"], ["lead_loss/18"]] * 2
    assert all(record["grad_norm/lora"] > 0 for record in records)
    with torch.no_grad():
        again = built.module(samples[0][0])
    assert torch.equal(first.surf_vars["2t"], again.surf_vars["2t"])


def _plan(seed: int = 0, **rollout) -> ReplayPlan:
    return ReplayPlan(BatchOrder(7, 2, seed), RolloutSpec(kind="replay", **rollout), seed)


def test_forecasts_begin_every_few_steps_and_end_at_their_length() -> None:
    plan = _plan(steps=4, refresh_every=5)
    draws = [plan.at(step) for step in range(200)]
    assert all(draw.source is None for draw in draws[::5])
    lengths = dict(enumerate(draws))
    for step, draw in lengths.items():
        assert draw.lead < 4
        assert draw.waits is (draw.lead + 1 < 4)
        if draw.source is not None:
            before = lengths[draw.source]
            assert draw.source < step
            assert (before.samples, before.lead + 1) == (draw.samples, draw.lead)
    sources = [draw.source for draw in draws if draw.source is not None]
    assert len(set(sources)) == len(sources)
    begun = [draw.samples for draw in draws if draw.source is None]
    order = BatchOrder(7, 2, 0)
    assert begun == [tuple(order.batch(number)) for number in range(len(begun))]


@pytest.mark.parametrize("size", [1, 3])
def test_the_buffer_never_holds_more_than_its_size(size) -> None:
    plan = _plan(steps=40, refresh_every=2, buffer_size=size)
    held: list[int] = []
    for step in range(100):
        draw = plan.at(step)
        held = [key for key in held if key not in (draw.source, draw.dropped)]
        if draw.dropped is not None and draw.dropped != draw.source:
            assert draw.dropped < min(held, default=step)
        held += [step] * draw.waits
        assert len(held) <= size


def test_another_seed_draws_otherwise_and_the_same_seed_the_same() -> None:
    def drawn(seed: int) -> list:
        plan = _plan(seed, steps=9, refresh_every=4)
        return [plan.at(step).source for step in range(60)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_buffer_too_large_for_its_memory_is_refused_with_the_numbers(prepare) -> None:
    _, _, samples = prepare()
    inputs = samples[0][0]
    # 4 surface variables and 5 on 2 levels, 2 times, 16 x 16 points, 4 bytes.
    one = (4 + 5 * 2) * 2 * 16 * 16 * 4
    assert Entry.of(inputs).num_bytes == one
    assert memory_needed(inputs, RolloutSpec(kind="replay"), 3) == one * 3 * 200
    tight = RolloutSpec(kind="replay", buffer_gib=one * 3 * 50 / 2**30)
    with pytest.raises(TrainingError, match="of 200 batches takes") as caught:
        memory_needed(inputs, tight, 3)
    assert "rollout.buffer_size to 50" in caught.value.remedy


def test_a_run_whose_buffer_is_too_large_fails_before_its_model_is_made(store, spec) -> None:
    run = store.create(spec.with_overrides([*REPLAY, "rollout.buffer_gib=1e-5"]))
    assert train(run).state == RunState.FAILED
    assert "rollout.buffer_gib allows 1e-05" in run.status().reason
    assert not run.metrics().num_rows()
    assert run.status().num_parameters is None
