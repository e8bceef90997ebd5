from __future__ import annotations

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
