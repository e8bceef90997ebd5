from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.data.source import open_data
from aurora_dash.data.statistics import variable_statistics
from aurora_dash.runs.status import RunState
from aurora_dash.spec import DataSpec, DemoSpec, MixPart, VariableSpec
from aurora_dash.training.engine import train
from aurora_dash.training.mix import JoinedSamples, MixedOrder, MixedValidator
from aurora_dash.training.plan import split_of
from tests.training.stops import after

orders = st.builds(
    MixedOrder,
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=3).map(tuple),
    weights=st.lists(st.floats(0.05, 5), min_size=3, max_size=3).map(tuple),
    batch_size=st.integers(1, 4),
    seed=st.integers(0, 2**31),
)


def _part_of(order: MixedOrder, index: int) -> int:
    return int(np.searchsorted(np.cumsum(order.sizes), index, side="right"))


@settings(max_examples=40)
@given(order=orders)
def test_a_batch_is_of_one_part_and_each_part_is_passed_through_evenly(order: MixedOrder) -> None:
    streams: dict[int, list[int]] = {part: [] for part in range(3)}
    for step in range(60):
        batch = order.batch(step)
        assert len(batch) == order.batch_size
        assert {_part_of(order, index) for index in batch} == {order.part(step)}
        streams[order.part(step)].extend(batch)
    for part, stream in streams.items():
        size = order.sizes[part]
        for begin in range(0, len(stream) - size + 1, size):
            assert len(set(stream[begin : begin + size])) == size


@settings(max_examples=20)
@given(order=orders, first=st.integers(0, 3000), other=st.integers(0, 3000))
def test_a_batch_is_a_function_of_seed_and_step_alone(
    order: MixedOrder, first: int, other: int
) -> None:
    batch = order.batch(first)
    order.batch(other)
    again = MixedOrder(order.sizes, order.weights, order.batch_size, order.seed)
    assert again.batch(first) == batch


def test_no_sample_is_lost_or_repeated_where_the_draws_are_chunked() -> None:
    order = MixedOrder((7, 5), (1.0, 2.0), 2, seed=4)
    streams: tuple[list[int], list[int]] = ([], [])
    for step in range(2100):
        streams[order.part(step)].extend(order.batch(step))
    for part, stream in enumerate(streams):
        size = order.sizes[part]
        passes = [stream[i : i + size] for i in range(0, len(stream) - size + 1, size)]
        assert all(len(set(one)) == size for one in passes)
        # And newly shuffled each time.
        assert len({tuple(one) for one in passes}) > 50


@pytest.mark.parametrize("weights", [(1.0, 1.0, 2.0), (5.0, 0.5, 0.1)])
def test_weights_are_the_expected_shares_of_the_samples(weights: tuple[float, ...]) -> None:
    steps = 4000
    shares = np.array(weights) / sum(weights)
    for seed in range(3):
        order = MixedOrder((30, 4, 11), weights, 2, seed=seed)
        counts = np.zeros(3)
        for step in range(steps):
            for index in order.batch(step):
                counts[_part_of(order, index)] += 1
        # Whole batches are drawn: the spread of a share is that of 4000 draws.
        spread = np.sqrt(shares * (1 - shares) / steps)
        assert np.all(np.abs(counts / counts.sum() - shares) < 4.5 * spread)


def test_other_seeds_give_other_orders() -> None:
    parts = [
        [MixedOrder((5, 5), (1.0, 1.0), 1, seed=seed).part(step) for step in range(64)]
        for seed in (1, 2)
    ]
    assert parts[0] != parts[1]


def test_an_epoch_takes_as_many_samples_as_there_are() -> None:
    order = MixedOrder((7, 4), (1.0, 3.0), 2, seed=0)
    assert order.steps_per_epoch == 6
    assert order.epoch(11) == 2.0


def test_joined_samples_are_counted_on() -> None:
    joined = JoinedSamples([["a", "b"], ["c"], ["d", "e"]])
    assert [joined[i] for i in range(len(joined))] == ["a", "b", "c", "d", "e"]


def test_the_whole_is_the_weighted_mean_of_the_parts_that_know_a_value() -> None:
    validate = MixedValidator(
        {
            "a": (1.0, lambda stop: {"loss": 2.0, "loss/2t": 1.0, "persistence_loss": 4.0}),
            "b": (3.0, lambda stop: {"loss": 4.0}),
        }
    )
    assert validate() == {
        "loss": 3.5,
        "loss/2t": 1.0,
        "persistence_loss": 4.0,
        "part/a/loss": 2.0,
        "part/a/persistence_loss": 4.0,
        "part/b/loss": 4.0,
    }


def test_an_interruption_of_one_part_ends_the_whole() -> None:
    asked = MixedValidator({"a": (1.0, lambda stop: {"loss": 1.0}), "b": (1.0, lambda stop: None)})
    assert asked() is None


SMALL = DemoSpec(height=16, width=16, levels=(850, 500), num_times=12)
MIX = (
    MixPart(name="one", weight=2),
    MixPart(name="two", demo=SMALL.replace(width=24, num_times=20, seed=5)),
)


@pytest.mark.slow
def test_a_mix_trains_validates_by_part_and_goes_on_where_it_was(store, spec) -> None:
    spec = spec.replace(data=DataSpec(demo=SMALL, mix=MIX, crop=(8, 12)))
    run = store.create(spec)
    result = train(run)
    assert (result.state, result.reason) == (RunState.COMPLETED, "")
    found = run.metrics()
    loss = found.column("loss", "validation")
    one, two = (found.column(f"part/{name}/loss", "validation") for name in ("one", "two"))
    np.testing.assert_allclose(loss, (2 * one + two) / 3, rtol=1e-12)
    assert len(loss) == 3

    # Stopped after four steps and resumed, it takes the same batches.
    again = store.create(spec)
    assert train(again, should_stop=after(again, 4)).state is RunState.STOPPED
    assert again.status().step == 4
    assert train(again).state is RunState.COMPLETED
    np.testing.assert_array_equal(again.metrics().column("loss"), found.column("loss"))


def test_statistics_of_a_new_variable_are_those_of_all_parts_together(store, spec) -> None:
    new = (VariableSpec(name="tcwv", unit="kg m-2"),)
    spec = spec.replace(data=DataSpec(demo=SMALL, mix=MIX), variables=new)
    run = store.create(spec.with_overrides(["training.steps=1"]))
    assert train(run).state is RunState.COMPLETED
    values = []
    for part in spec.data.parts:
        alone = spec.replace(data=part.data)
        dataset = open_data(alone.data, alone.model.catalogue_entry, new).dataset
        times = sorted({i for w in split_of(alone, dataset).train for i in w.indices})
        values.append(dataset["surf_tcwv"].values[times].astype(np.float64).ravel())
        moments = variable_statistics(dataset, "surf_tcwv", time_indices=times)["tcwv"]
        assert moments.mean == pytest.approx(values[-1].mean(), rel=1e-9)
    together = np.concatenate(values)
    (found,) = run.spec().variables
    assert found.mean == pytest.approx(together.mean(), rel=1e-9)
    assert found.std == pytest.approx(together.std(), rel=1e-9)
    assert not math.isclose(found.mean, np.mean([v.mean() for v in values]), rel_tol=1e-9)


def test_a_mix_leaves_the_processs_random_numbers_alone() -> None:
    state = torch.get_rng_state()
    MixedOrder((5, 5), (1.0, 1.0), 1, seed=1).batch(3)
    assert torch.equal(torch.get_rng_state(), state)
