"""How busy processor and GPU are during a training, and how much memory is taken."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

import psutil
import pynvml
import torch

from aurora_dash.model.device import host_memory
from aurora_dash.training.loop import Records
from aurora_dash.training.terms import Record

_LOGGER = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 1.0
_MILLI = 1e-3


class Usage(Protocol):
    """Tells from time to time how much of the machine a process takes."""

    def take(self) -> Record:
        """What was seen since the call before; nothing if there was no look since."""


class UsageSampler:
    """Looks once a second, on a thread of its own, so that a step pays nothing for it.

    What it gives are means over the looks since it was last asked, under the names that
    `runs.schema` explains. GPUs are asked through NVML, as ``nvidia-smi`` does.
    """

    def __init__(
        self, device: torch.device, *, seconds_between: float = _SECONDS_BETWEEN_LOOKS
    ) -> None:
        self._device = device
        self._seconds_between = seconds_between
        self._process = psutil.Process()
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="usage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def take(self) -> Record:
        """Means since the call before; nothing if there was no look since."""
        with self._lock:
            seen, self._seen = self._seen, {}
        return {name: total / count for name, (total, count) in seen.items()}

    def _work(self) -> None:
        gpu = Gpu.of(self._device)
        # Shares of time are told since the call before: the first call has none.
        self._process.cpu_percent()
        psutil.cpu_percent()
        while not self._ended.wait(self._seconds_between):
            now = self._host() | (gpu.look() if gpu else {})
            with self._lock:
                for name, value in now.items():
                    total, count = self._seen.get(name, (0.0, 0))
                    self._seen[name] = total + value, count + 1

    def _host(self) -> Record:
        limit, used = host_memory()
        return {
            "cpu_percent": self._process.cpu_percent(),
            "machine_cpu_percent": psutil.cpu_percent(),
            "rss_bytes": self._process.memory_info().rss,
            "host_free_bytes": max(0, limit - used),
        }


class Gpu:
    """One GPU, as NVML shows it."""

    def __init__(self, uuid: str) -> None:
        """`uuid` as the driver has it, which `CUDA_VISIBLE_DEVICES` does not renumber."""
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        self._readings: dict[str, Callable[[], float]] = {
            "gpu_percent": lambda: pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu,
            "gpu_memory_bytes": lambda: pynvml.nvmlDeviceGetMemoryInfo(self._handle).used,
            "gpu_memory_total_bytes": lambda: pynvml.nvmlDeviceGetMemoryInfo(self._handle).total,
            "gpu_celsius": lambda: pynvml.nvmlDeviceGetTemperature(
                self._handle, pynvml.NVML_TEMPERATURE_GPU
            ),
            "gpu_watts": lambda: _MILLI * pynvml.nvmlDeviceGetPowerUsage(self._handle),
        }

    @classmethod
    def of(cls, device: torch.device) -> Gpu | None:
        """That of a device; None on a CPU, and where NVML does not answer, which is logged."""
        if device.type != "cuda":
            return None
        try:
            return cls(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        except pynvml.NVMLError as error:
            _LOGGER.warning("the use of %s can't be told: NVML says %s", device, error)
            return None

    def look(self) -> Record:
        """Its state now; what it does not tell, as parts of a GPU (MIG) may not, is left out."""
        found = {}
        for name, read in tuple(self._readings.items()):
            try:
                found[name] = float(read())
            except pynvml.NVMLError as error:
                _LOGGER.info("%s is not recorded: NVML says %s", name, error)
                del self._readings[name]
        return found


class MeasuredRecords:
    """Hands records on, with how much of the machine the training takes."""

    def __init__(self, records: Records, usage: Usage) -> None:
        self._records = records
        self._usage = usage

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Take the numbers of a training step."""
        self._records.train(step, epoch, {**values, **self._usage.take()}, pace)

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Take those of a validation."""
        self._records.validation(step, epoch, values, best_loss)
