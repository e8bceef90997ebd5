"""What the machine has left, read now and then: memory of host and device, room on the disk."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psutil
import torch

from aurora_dash.errors import AuroraDashError
from aurora_dash.model.saved import find_checkpoint
from aurora_dash.runs.store import Run

_SECONDS_BETWEEN_LOOKS = 5.0
_CGROUP = Path("/sys/fs/cgroup")


class Gauges:
    """Adds to a record what rules about resources need; looks at most every five seconds."""

    def __init__(self, run: Run, device: torch.device) -> None:
        self._run = run
        self._device = device
        self._looked = -_SECONDS_BETWEEN_LOOKS

    def read(self) -> dict[str, float]:
        """Sizes in bytes; nothing while the last look is recent."""
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return {}
        self._looked = now
        return {
            "disk_free_bytes": float(shutil.disk_usage(self._run.folder).free),
            "checkpoint_bytes": float(self._checkpoint_bytes()),
            **self._memory(),
        }

    def _memory(self) -> dict[str, float]:
        limit, used = host_memory()
        found = {"host_limit_bytes": float(limit), "host_used_bytes": float(used)}
        if self._device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self._device)
            others = total - free - torch.cuda.memory_reserved(self._device)
            found["memory_bytes"] = float(torch.cuda.max_memory_allocated(self._device))
            found["memory_limit_bytes"] = float(total - max(0, others))
        return found

    def _checkpoint_bytes(self) -> int:
        try:
            folder = find_checkpoint(self._run.checkpoints_folder, "last")
            return sum(path.stat().st_size for path in folder.iterdir())
        except (AuroraDashError, FileNotFoundError):
            # None was saved yet, or it is being replaced by a newer one.
            return 0


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
