from __future__ import annotations

import copy

import pytest
import torch

from aurora_dash.errors import SpecError
from aurora_dash.model.build import build_model
from aurora_dash.model.groups import canonical_name
from aurora_dash.model.load import load_into
from aurora_dash.runs.status import RunState
from aurora_dash.training import masters
from aurora_dash.training.engine import train
from aurora_dash.training.lr_range import sweep
from aurora_dash.training.step import TrainingStep
from tests.training.steps import fresh_step, with_changes
from tests.training.stops import after

BF16 = {"model__autocast": True, "model__weights_dtype": "bfloat16"}
ALL_BF16 = {**BF16, "model__autocast_encoder": True, "model__autocast_decoder": True}
# Several buckets, even of the tiny model.
SMALL_BUCKETS = 2**19


def _weights(step: TrainingStep) -> dict[str, torch.Tensor]:
    state = step.comparer.module.state_dict()
    return {canonical_name(name): value.clone() for name, value in state.items()}


def _losses(step: TrainingStep, samples, numbers) -> list[float]:
    return [step(number, [samples[number]])["loss"] for number in numbers]


def _bytes(step: TrainingStep) -> int:
    return sum(p.numel() * p.element_size() for p in step.comparer.module.parameters())


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
def test_a_step_in_the_hosts_memory_is_the_same_step(spec, samples, kind, monkeypatch) -> None:
    """Digit by digit, whatever groups, decay and average; by buckets or all at once."""
    options = {
        "optimiser__kind": kind,
        "optimiser__lr_groups": {"decoder": 1e-4},
        "optimiser__weight_decay": 0.1,
        "optimiser__ema_decay": 0.9,
    }
    usual = fresh_step(spec, **options)
    monkeypatch.setattr(masters, "_BUCKET_BYTES", SMALL_BUCKETS)
    away = fresh_step(spec, **options, optimiser__offload=True)
    records = [[s(n, [samples[n]]) for n in range(3)] for s in (usual, away)]
    assert records[0] == records[1]
    assert _same(_weights(usual), _weights(away))
    averages = [step.average.state_dict()["weights"] for step in (usual, away)]
    assert _same(*averages)
    # The states are interchangeable too.
    usual.restore(copy.deepcopy(away.optimiser.state_dict()))
    assert _losses(usual, samples, [3, 4]) == _losses(away, samples, [3, 4])


def test_linear_layers_under_autocast_are_held_in_bfloat16_and_computed_alike(
    spec, samples
) -> None:
    """Autocast rounds the same weights at each use: loss and gradients are the same numbers."""
    exact = {"optimiser__clip_norm": None, "training__statistics_every": None}
    wide = fresh_step(spec, model__autocast=True, **exact)
    half = fresh_step(spec, **BF16, **exact)
    one, two = wide(0, [samples[0]]), half(0, [samples[0]])
    assert one == two
    assert _same(_weights(wide), _weights(half))
    assert {v.dtype for v in _weights(half).values()} == {torch.float32}
    dtypes = {canonical_name(name): p.dtype for name, p in half.comparer.module.named_parameters()}
    half_names = {name for name, dtype in dtypes.items() if dtype == torch.bfloat16}
    linear = {n for n in dtypes if n.startswith("backbone.") and ".norm." not in n}
    assert half_names == linear
    assert _bytes(half) < 0.7 * _bytes(wide)


@pytest.mark.slow
def test_training_with_weights_in_bfloat16_stays_close_to_float32(spec, samples) -> None:
    """The losses differ by at most 2 % of the first; it falls to less than a fifth of that."""
    options = {"optimiser__warmup_steps": 0, "optimiser__schedule": "constant"}
    exact, half = fresh_step(spec, **options), fresh_step(spec, **options, **ALL_BF16)
    pairs = [
        [step(number, [samples[number % 2]])["loss"] for step in (exact, half)]
        for number in range(40)
    ]
    assert pairs[-1][0] < 0.2 * pairs[0][0]
    for one, two in pairs:
        assert two == pytest.approx(one, abs=0.02 * pairs[0][0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {**ALL_BF16, "optimiser__offload": True, "optimiser__ema_decay": 0.9},
        {**BF16, "trainable__parts": "lora", "model__activation_checkpointing": True},
        {**ALL_BF16, "trainable": {"parts": "groups", "groups": ["decoder"]}, "model__chunks": 2},
    ],
    ids=["all", "lora", "frozen"],
)
def test_what_a_checkpoint_holds_is_enough_to_go_on_exactly(spec, samples, options) -> None:
    options = {**options, "optimiser__warmup_steps": 0}
    step = fresh_step(spec, **options)
    _losses(step, samples, [0, 1])
    weights, state = _weights(step), copy.deepcopy(step.optimiser.state_dict())
    parts = {name: copy.deepcopy(part.state_dict()) for name, part in step.parts.items()}
    assert {value.dtype for value in weights.values()} == {torch.float32}
    expected = _losses(step, samples, [2, 3])
    other = build_model(with_changes(spec, **options))
    resumed = TrainingStep(other, with_changes(spec, **options), torch.device("cpu"), 6)
    load_into(other.module, weights, adapt=False)
    resumed.restore(state)
    for name, part in resumed.parts.items():
        part.load_state_dict(parts[name])
    assert _same(_weights(resumed), weights)
    assert _losses(resumed, samples, [2, 3]) == expected
    assert _same(_weights(resumed), _weights(step))


def test_the_average_is_one_of_the_masters_and_leaves_them_alone(spec, samples) -> None:
    step = fresh_step(spec, **BF16, optimiser__ema_decay=0.5)
    expected = _weights(step)
    for number in range(2):
        step(number, [samples[number]])
        decay = min(0.5, (2 + number) / (11 + number))
        now = _weights(step)
        expected = {n: decay * expected[n] + (1 - decay) * now[n] for n in now}
    average = step.average.state_dict()["weights"]
    for name, value in average.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-7)
    before, computed_with = _weights(step), _own(step)
    with step.average.applied():
        for name, value in _own(step).items():
            torch.testing.assert_close(value, average[name].to(value.dtype), rtol=0, atol=0)
    assert _same(_own(step), computed_with)
    assert _same(_weights(step), before)


def _own(step: TrainingStep) -> dict[str, torch.Tensor]:
    module = step.comparer.module
    return {canonical_name(n): p.detach().clone() for n, p in module.named_parameters()}


def test_a_range_test_leaves_the_masters_as_they_were(spec, samples) -> None:
    step = fresh_step(spec, **BF16)
    before, own = _weights(step), _own(step)
    losses, _ = sweep(step, lambda number: [samples[0]], (1e-4, 1e-3), base=1e-3)
    assert len(losses) == 2
    assert _same(_weights(step), before)
    assert _same(_own(step), own)


@pytest.mark.slow
def test_a_run_is_saved_and_resumed_with_all_its_digits(store, spec) -> None:
    """Stopped half-way and resumed, it ends where one without a stop does."""
    spec = with_changes(spec, **ALL_BF16, optimiser__offload=True)
    whole = store.create(spec)
    assert train(whole).state is RunState.COMPLETED
    parted = store.create(spec)
    assert train(parted, should_stop=after(parted, 2)).state is RunState.STOPPED
    assert parted.status().step == 2
    assert train(parted).state is RunState.COMPLETED
    name = "step-00000006/model.pt"
    ends = [torch.load(run.checkpoints_folder / name, weights_only=True) for run in (whole, parted)]
    assert _same(*ends)
    assert {value.dtype for value in ends[0].values()} == {torch.float32}
    forecast = build_model(
        with_changes(spec, model__source="run", model__run=whole.id, model__checkpoint="last"),
        store=store,
    )
    assert _same(dict(forecast.state_dict()), ends[0])


def test_weights_in_bfloat16_need_a_part_that_computes_in_it(spec) -> None:
    with pytest.raises(SpecError, match=r"weights_dtype = 'bfloat16' .* set model.autocast too"):
        with_changes(spec, model__weights_dtype="bfloat16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_masters_and_moments_lie_in_page_locked_memory(spec, samples) -> None:
    spec = with_changes(spec, **ALL_BF16, optimiser__offload=True)
    built = build_model(spec)
    built.module.to("cuda")
    step = TrainingStep(built, spec, torch.device("cuda:0"), 6)
    first = step(0, [samples[0]])["loss"]
    for number in range(1, 20):
        last = step(number, [samples[0]])["loss"]
    assert last < first
    for group in step.optimiser.param_groups:
        for master in group["params"]:
            assert master.is_pinned()
            assert step.optimiser.state[master]["exp_avg"].device.type == "cpu"
    torch.cuda.synchronize()
    for name, value in _own(step).items():
        assert torch.equal(value.cpu(), _weights(step)[name].to(value.dtype).cpu())
