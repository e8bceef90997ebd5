"""Where a training computes, and how much of the machine it takes."""

from __future__ import annotations

import os

import torch

from aurora_dash.errors import TrainingError


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the first GPU if there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(
            f"Device {name} is not there: torch sees {torch.cuda.device_count()} GPUs.",
            remedy='Set training.device to "auto" or "cpu", or look at `aurora-dash doctor`.',
        )
    return torch.device("cuda:0") if name == "cuda" else device


def set_threads(threads: int | None) -> int:
    """Limit torch's CPU threads; None leaves one core to everything else. Returns the number."""
    threads = threads or max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(threads)
    return threads
