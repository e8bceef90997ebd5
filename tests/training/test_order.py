from __future__ import annotations

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.training.order import BatchOrder, mix_seed


@given(
    num=st.integers(1, 40),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 5),
)
def test_every_epoch_uses_every_sample_once(num, size, seed, epoch) -> None:
    order = BatchOrder(num, size, seed)
    first = epoch * order.steps_per_epoch
    seen = [i for step in range(first, first + order.steps_per_epoch) for i in order.batch(step)]
    assert sorted(seen) == list(range(num))
    assert all(1 <= len(order.batch(first + i)) <= size for i in range(order.steps_per_epoch))
    assert order.epoch(first) == epoch
    assert order.epoch(first + order.steps_per_epoch) == epoch + 1


def test_epochs_are_shuffled_differently_and_seeds_too() -> None:
    order = BatchOrder(30, 30, seed=1)
    assert order.batch(0) != order.batch(1)
    assert order.batch(0) != BatchOrder(30, 30, seed=2).batch(0)
    assert order.batch(0) == BatchOrder(30, 30, seed=1).batch(0)


def test_the_order_neither_reads_nor_changes_global_random_numbers() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = BatchOrder(1000, 10, seed=123).batch(57)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert BatchOrder(1000, 10, seed=123).batch(57) == first


def test_the_epoch_is_a_fraction_of_samples() -> None:
    order = BatchOrder(5, 2, seed=0)
    assert [order.epoch(step) for step in range(4)] == [0.0, 0.4, 0.8, 1.0]


def test_seeds_made_from_seeds_differ_and_are_valid() -> None:
    made = {mix_seed(seed, number) for seed in range(-3, 30) for number in range(-30, 30)}
    assert len(made) == 33 * 60
    for value in made:
        torch.Generator().manual_seed(value)


@given(
    num=st.integers(1, 60),
    size=st.integers(1, 6),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 3),
    block=st.integers(1, 70),
)
def test_blocks_use_every_sample_once_an_epoch(num, size, seed, epoch, block) -> None:
    order = BatchOrder(num, size, seed, block=block)
    first = epoch * order.steps_per_epoch
    seen = [i for step in range(first, first + order.steps_per_epoch) for i in order.batch(step)]
    assert sorted(seen) == list(range(num))


def test_blocks_walk_through_neighbours_and_jump_between_blocks() -> None:
    order = BatchOrder(64, 1, seed=3, block=8)
    seen = [order.batch(step)[0] for step in range(64)]
    steps = [b - a for a, b in itertools.pairwise(seen)]
    assert steps.count(1) >= 64 - 1 - 9
    assert any(step < 0 for step in steps)


def test_samples_of_a_batch_come_from_different_blocks() -> None:
    order = BatchOrder(400, 4, seed=0, block=20)
    batches = [order.batch(step) for step in range(60)]
    apart = [abs(a - b) for batch in batches for a, b in itertools.combinations(batch, 2)]
    # Two blocks may touch; two samples of one block may not be in a batch.
    assert sum(distance >= 20 for distance in apart) > 0.9 * len(apart)
    follows = [sum(i + 1 in after for i in before) for before, after in itertools.pairwise(batches)]
    assert sum(follows) > 0.9 * 4 * len(follows)


def test_blocks_begin_elsewhere_in_every_epoch_and_follow_the_seed_alone() -> None:
    def starts(epoch: int) -> set[int]:
        order = BatchOrder(100, 1, seed=7, block=10)
        seen = [order.batch(100 * epoch + step)[0] for step in range(100)]
        return {b for a, b in itertools.pairwise([-2, *seen]) if b != a + 1}

    assert starts(0) != starts(1)
    assert starts(3) == starts(3)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    BatchOrder(101, 3, seed=9, block=5).batch(0)
    assert torch.equal(torch.get_rng_state(), before)
