"""How much of the machine a training takes."""

from __future__ import annotations

import os

import torch


def set_threads(threads: int | None) -> int:
    """Limit torch's CPU threads; None leaves one core to everything else. Returns the number."""
    threads = threads or max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(threads)
    return threads
