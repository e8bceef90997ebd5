"""Modules without memory, on this thread alone."""

from __future__ import annotations

import threading

import torch

from aurora_dash.model.memoryless import without_memory


def test_weights_have_a_shape_and_no_values_and_ranges_can_be_read() -> None:
    with without_memory():
        layer = torch.nn.Linear(1_000_000, 1_000_000)
        assert torch.linspace(0, 1, 3)[1].item() == 0.5
    assert layer.weight.is_meta
    assert layer.weight.numel() == 10**12
    assert not torch.zeros(3).is_meta


def test_other_threads_keep_their_memory() -> None:
    found: list[bool] = []
    with without_memory():
        thread = threading.Thread(target=lambda: found.append(torch.zeros(3).is_meta))
        thread.start()
        thread.join()
    assert found == [False]
