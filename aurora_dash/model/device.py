"""Where a model computes: the device that a name stands for, and the memory that there is."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

from aurora_dash.errors import ModelError

_CGROUP = Path("/sys/fs/cgroup")


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


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still take on a device; on the CPU those of the host."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch holds in reserve for this process is free to it.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + kept)
    limit, used = host_memory()
    return max(0, limit - used)


def host_memory() -> tuple[int, int]:
    """Bytes of memory that there are and that can't be had, limits of a container included."""
    memory = psutil.virtual_memory()
    limit = _number(_CGROUP / "memory.max")
    if limit is None or limit >= memory.total:
        return memory.total, memory.total - memory.available
    held, files = _number(_CGROUP / "memory.current") or 0, _inactive_files()
    return limit, max(0, held - files)


def _inactive_files() -> int:
    """Bytes of files in memory that the kernel gives up when asked."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
