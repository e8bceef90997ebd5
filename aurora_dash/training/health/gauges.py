"""What the machine has left, read now and then: memory of host and device, room on the disk."""

from __future__ import annotations

import shutil
import time

import torch

from aurora_dash.errors import AuroraDashError
from aurora_dash.model.device import host_memory
from aurora_dash.model.saved import find_checkpoint
from aurora_dash.runs.store import Run

_SECONDS_BETWEEN_LOOKS = 5.0


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
