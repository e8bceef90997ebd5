"""What a training tells the world: a metrics record a step, and a status now and then."""

from __future__ import annotations

import time
from collections.abc import Mapping

import psutil
import torch

from aurora_dash.data.reading import heed_stop
from aurora_dash.runs.metrics import MetricsWriter, Value
from aurora_dash.training.keeper import Keeper
from aurora_dash.training.room import Room

_STATUS_SECONDS = 0.5


class Recorder:
    """Writes ``metrics.jsonl``, and ``status.json`` at most twice a second."""

    def __init__(
        self,
        metrics: MetricsWriter,
        owner: Keeper,
        room: Room,
        total_steps: int,
        device: torch.device,
    ) -> None:
        self._metrics = metrics
        self._owner = owner
        self._room = room
        self._total_steps = total_steps
        self._device = device
        self._process = psutil.Process()
        self._written = 0.0

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Record a training step; `pace` is how many seconds a step takes, everything counted."""
        memory = self._memory_bytes()
        self._write("train", step, epoch, {**values, "memory_bytes": memory})
        now = time.monotonic()
        if now - self._written >= _STATUS_SECONDS or step >= self._total_steps:
            self._written = now
            self._owner.update(
                step=step,
                epoch=epoch,
                last_loss=values["loss"],
                seconds_left=None if pace is None else pace * (self._total_steps - step),
            )

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Record a validation and the best loss so far."""
        self._write("validation", step, epoch, values)
        self._owner.update(step=step, epoch=epoch, best_loss=best_loss)

    def _write(self, split: str, step: int, epoch: float, values: Mapping[str, float]) -> None:
        record: dict[str, Value] = {"step": step, "epoch": epoch, "split": split, **values}
        self._room.secure(lambda: self._metrics.write(record), again=self._metrics.flush)

    def _memory_bytes(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return int(self._process.memory_info().rss)


class DownloadProgress:
    """Says in the status how far a download is, at most twice a second."""

    def __init__(self, owner: Keeper) -> None:
        self._owner = owner
        self._written = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Take the bytes done and the bytes in all (0 if unknown)."""
        heed_stop()
        now = time.monotonic()
        if now - self._written < _STATUS_SECONDS and done < total:
            return
        self._written = now
        share = f"{done / total:.0%} of {total / 2**30:.2f} GiB" if total else f"{done} bytes"
        self._owner.update(waiting_for=f"the download of the checkpoint: {share}")
