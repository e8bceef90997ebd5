"""How much of the machine a training takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def set_threads(threads: int | None, num_processes: int = 1) -> int:
    """Limit torch's CPU threads; None leaves one core to everything else, and shares the others
    among the processes of a run on this machine. Returns the number.
    """
    threads = threads or max(1, ((os.cpu_count() or 2) - 1) // num_processes)
    torch.set_num_threads(threads)
    return threads


@contextmanager
def tiny_numbers_as_zero() -> Iterator[None]:
    """Within the block this thread, and helpers that torch starts for it, take numbers below 1e-38
    for zero.

    What the masks of shifted windows leave of attention is that small, and processors are many
    times slower with such numbers; results stay the same to the last digit.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
