"""Where a model computes: the device that a name stands for on this machine."""

from __future__ import annotations

import torch

from aurora_dash.errors import ModelError


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the first GPU if there is one, else the CPU.

    Raises `ModelError` for a GPU that torch does not see.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"Device {name} is not there: torch sees {torch.cuda.device_count()} GPUs.",
            remedy="Choose the device 'auto' or 'cpu', or look at `aurora-dash doctor`.",
        )
    return torch.device("cuda:0") if name == "cuda" else device
