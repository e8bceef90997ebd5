from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from aurora_dash.errors import ModelError
from aurora_dash.model.randomness import OwnRandomness


def _draw() -> list[torch.Tensor]:
    weight = torch.empty(4, 4)
    return [
        nn.Linear(5, 5).weight.detach(),
        torch.randn(4),
        torch.rand(3),
        torch.randperm(10),
        torch.randint(0, 9, (4,)),
        torch.randn_like(weight),
        torch.bernoulli(torch.full((9,), 0.5)),
        nn.init.kaiming_uniform_(weight.clone()),
        nn.init.trunc_normal_(weight.clone()),
        nn.functional.dropout(torch.ones(50), 0.5),
    ]


def test_the_same_seed_draws_the_same_whatever_happened_before() -> None:
    with OwnRandomness(3):
        first = _draw()
    torch.rand(7)
    with OwnRandomness(3):
        second = _draw()
    with OwnRandomness(4):
        other = _draw()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_processs_generators_are_left_alone() -> None:
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    with OwnRandomness(3):
        _draw()
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_another_thread_neither_disturbs_nor_is_disturbed() -> None:
    with OwnRandomness(3):
        alone = _draw()
    running, entered = threading.Event(), threading.Event()

    def draw_globally() -> None:
        entered.set()
        while not running.is_set():
            torch.rand(3)

    torch.manual_seed(0)
    expected = torch.rand(5)
    thread = threading.Thread(target=draw_globally)
    thread.start()
    entered.wait()
    with OwnRandomness(3):
        together = _draw()
    running.set()
    thread.join()
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    torch.manual_seed(0)
    assert torch.equal(torch.rand(5), expected)


def test_a_given_generator_is_respected() -> None:
    expected = torch.rand(3, generator=torch.Generator().manual_seed(9))
    with OwnRandomness(3):
        found = torch.rand(3, generator=torch.Generator().manual_seed(9))
    assert torch.equal(found, expected)


def test_an_operation_that_takes_no_generator_is_refused_instead_of_leaking() -> None:
    with OwnRandomness(3), pytest.raises(ModelError, match="native_dropout"):
        torch.native_dropout(torch.ones(10), 0.5, True)
