"""Memory is given again, but never while anybody holds what was given before."""

from __future__ import annotations

import pytest
import torch

from aurora_dash.data.buffers import Buffers


def test_memory_is_given_again_once_it_is_let_go() -> None:
    buffers = Buffers()
    first = buffers.take((2, 3))
    address = first.data_ptr()
    del first
    assert buffers.take((2, 3)).data_ptr() == address


@pytest.mark.parametrize(
    "keep",
    [
        lambda t: t,
        lambda t: t[1:, :1],
        lambda t: t.numpy(),
        lambda t: (torch.ones(3, requires_grad=True) * t).sum(),
        lambda t: {"batch": [t.detach()]},
    ],
    ids=["tensor", "view", "array", "autograd", "container"],
)
def test_memory_that_anybody_holds_is_not_given_again(keep) -> None:
    buffers = Buffers()
    first = buffers.take((2, 3))
    address = first.data_ptr()
    held = keep(first)
    del first
    second = buffers.take((2, 3))
    assert second.data_ptr() != address
    del held, second
    assert buffers.take((2, 3)).data_ptr() == address


def test_any_number_may_be_held_at_once() -> None:
    buffers = Buffers()
    held = [buffers.take((4,)) for _ in range(40)]
    assert len({tensor.data_ptr() for tensor in held}) == 40


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pinned_memory_is_pinned_and_given_again() -> None:
    buffers = Buffers(pinned=True)
    first = buffers.take((8, 8))
    assert first.is_pinned()
    address = first.data_ptr()
    del first
    assert buffers.take((8, 8)).data_ptr() == address
