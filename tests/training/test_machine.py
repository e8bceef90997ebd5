"""How much of the machine a training takes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from aurora_dash.training.machine import set_threads, tiny_numbers_as_zero


def _in_a_thread(action: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(action()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_one_core_is_left_to_everything_else() -> None:
    assert _in_a_thread(lambda: set_threads(None)) == max(1, (os.cpu_count() or 2) - 1)
    assert _in_a_thread(lambda: set_threads(3)) == 3


def test_numbers_that_slow_processors_down_are_zero_within_the_block_alone() -> None:
    tiny = torch.tensor([1e-39])

    def seen() -> tuple[float, float]:
        with tiny_numbers_as_zero():
            within = float((tiny * 1).item())
        return within, float((tiny * 1).item())

    within, after = seen()
    assert within == 0
    assert after > 0
