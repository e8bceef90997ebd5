"""Who uses the GPU's memory already, from nvidia-smi."""

from __future__ import annotations

import os
from dataclasses import dataclass

from aurora_dash.data.findings import Finding
from aurora_dash.doctor.machine import Gpu, MachineSummary, ask_tool

_GIB, _MIB = 2**30, 2**20
_NOTICEABLE_SHARE = 0.05
_SERIOUS_SHARE = 0.25
_PROCESSES = (
    "--query-compute-apps=pid,process_name,used_memory",
    "--format=csv,noheader,nounits",
)


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU."""

    pid: int
    name: str
    memory_bytes: int | None
    """None where the driver does not tell, as in containers."""


def gpu_processes() -> tuple[GpuProcess, ...]:
    """Other processes that compute on the GPUs; containers may not see those outside."""
    return tuple(p for p in parse_processes(ask_tool("nvidia-smi", *_PROCESSES)) if not _own(p))


def parse_processes(text: str) -> tuple[GpuProcess, ...]:
    """Processes from nvidia-smi's CSV; a name may hold commas, memory may be ``[N/A]``."""
    found = []
    for line in text.splitlines():
        pid, _, rest = line.partition(",")
        name, _, memory = rest.rpartition(",")
        if pid.strip().isdigit() and name:
            used = int(memory) * _MIB if memory.strip().isdigit() else None
            found.append(GpuProcess(int(pid), name.strip(), used))
    return tuple(found)


def _own(process: GpuProcess) -> bool:
    return process.pid == os.getpid()


def gpu_memory_findings(machine: MachineSummary) -> list[Finding]:
    """Whether others hold memory of a GPU, and who."""
    if not machine.gpus:
        return []
    processes = gpu_processes()
    return [_memory_finding(gpu, processes) for gpu in machine.gpus if gpu.memory_bytes]


def _memory_finding(gpu: Gpu, processes: tuple[GpuProcess, ...]) -> Finding:
    total, used = gpu.memory_bytes or 0, gpu.memory_used_bytes or 0
    free = f"{(total - used) / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    if used < _NOTICEABLE_SHARE * total:
        return Finding(
            severity="info", code="gpu_memory", message=f"GPU {gpu.index} ({gpu.name}): {free}."
        )
    serious = used >= _SERIOUS_SHARE * total
    told = "; ".join(_told(process) for process in processes)
    return Finding(
        severity="warning" if serious else "info",
        code="gpu_in_use",
        message=f"GPU {gpu.index} ({gpu.name}): {free}. In use by "
        f"{told or 'processes that can not be seen from here'}.",
        remedy="End what is not needed (a forgotten run or notebook), or train on another device "
        "(training.device=cuda:1)."
        if serious
        else "",
    )


def _told(process: GpuProcess) -> str:
    memory = f" with {process.memory_bytes / _GIB:.1f} GiB" if process.memory_bytes else ""
    return f"process {process.pid} ({process.name}{memory})"
