from __future__ import annotations

import copy
import sys

import pytest
import torch

from aurora_dash.errors import TrainingError
from aurora_dash.runs.status import RunState
from aurora_dash.training.engine import train
from tests.training.steps import fresh_step, with_changes
from tests.training.stops import after

pytest.importorskip("torchao")


def _weights(step) -> dict[str, torch.Tensor]:
    return {n: v.clone() for n, v in step.comparer.module.state_dict().items()}


def test_eight_bit_moments_need_their_package(spec, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao.optim", None)
    with pytest.raises(TrainingError, match="needs the package torchao"):
        fresh_step(spec, optimiser__kind="adamw8bit")


@pytest.mark.slow
def test_moments_take_a_quarter_of_the_memory_and_the_steps_are_nearly_the_same(
    spec, samples
) -> None:
    """After 3 steps the weights differ by less than a tenth of what they changed by."""
    exact = fresh_step(spec, optimiser__warmup_steps=0)
    small = fresh_step(spec, optimiser__warmup_steps=0, optimiser__kind="adamw8bit")
    before = _weights(exact)
    for number in range(3):
        records = [step(number, [samples[number]]) for step in (exact, small)]
        assert records[1]["lr"] == pytest.approx(records[0]["lr"], rel=1e-6)
    changed = _norm(before, _weights(exact))
    assert _norm(_weights(exact), _weights(small)) < 0.1 * changed
    sizes = [_bytes(step.optimiser.state_dict()["state"]) for step in (exact, small)]
    assert sizes[1] < 0.3 * sizes[0]


def _norm(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    parts = [(one[name] - other[name]).double().flatten() for name in one]
    return torch.linalg.vector_norm(torch.cat(parts)).item()


def _bytes(value: object) -> int:
    if isinstance(value, dict):
        return sum(_bytes(part) for part in value.values())
    return value.nbytes if isinstance(value, torch.Tensor) else 0


@pytest.mark.slow
def test_the_state_is_plain_data_from_which_it_goes_on_exactly(spec, samples, tmp_path) -> None:
    options = {"optimiser__kind": "adamw8bit", "optimiser__offload": True}
    step = fresh_step(spec, **options)
    step(0, [samples[0]])
    torch.save(step.optimiser.state_dict(), tmp_path / "state.pt")
    weights = copy.deepcopy(step.comparer.module.state_dict())
    expected = [step(number, [samples[number]])["loss"] for number in (1, 2)]
    with torch.serialization.safe_globals([]):
        state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert {type(v) for values in state["state"].values() for v in values.values()} == {
        torch.Tensor,
        dict,
    }
    other = fresh_step(spec, **options)
    for name, value in other.comparer.module.state_dict().items():
        value.copy_(weights[name])
    other.restore(state)
    assert [other(number, [samples[number]])["loss"] for number in (1, 2)] == expected


@pytest.mark.slow
def test_a_run_with_eight_bit_moments_goes_on_exactly_after_a_stop(store, spec) -> None:
    spec = with_changes(
        spec,
        training__steps=3,
        training__checkpoint_every=3,
        optimiser__kind="adamw8bit",
        optimiser__clip_norm=None,
        optimiser__in_backward=True,
        model__autocast=True,
        model__weights_dtype="bfloat16",
    )
    whole, parted = store.create(spec), store.create(spec)
    assert train(whole).state is RunState.COMPLETED
    assert train(parted, should_stop=after(parted, 1)).state is RunState.STOPPED
    assert parted.status().step == 1
    assert train(parted).state is RunState.COMPLETED
    ends = [
        torch.load(run.checkpoints_folder / "step-00000003/model.pt", weights_only=True)
        for run in (whole, parted)
    ]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
