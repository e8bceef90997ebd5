"""Which devices of this machine a run competes for, told without torch."""

from __future__ import annotations

import os
from pathlib import Path

from aurora_dash.spec import RunSpec

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
_NVIDIA = Path("/dev/nvidiactl")


def devices_of(spec: RunSpec) -> tuple[str, ...]:
    """The devices that a run's processes need, each by its `device_key`."""
    first = device_key(spec.training.device)
    count = spec.distributed.processes
    if first == "cpu" or count == 1:
        return (first,)
    return tuple(device_key(f"cuda:{number}") for number in range(count))


def device_key(device: str) -> str:
    """The device that a spec's `training.device` competes for: ``cpu``, ``cuda:1``.

    `auto` is taken for the first GPU wherever the machine shows one. A GPU is counted as the
    machine does, also where ``CUDA_VISIBLE_DEVICES`` shows this process only some of them.
    """
    visible = os.environ.get(VISIBLE_VARIABLE)
    if device == "auto":
        return device_key("cuda") if visible not in ("", "-1") and _NVIDIA.exists() else "cpu"
    if device == "cpu":
        return device
    number = device.partition(":")[2] or "0"
    names = [name.strip() for name in visible.split(",")] if visible else []
    seen = number.isdigit() and int(number) < len(names)
    return f"cuda:{names[int(number)] if seen else number}"
