"""Facts about the machine that cost little to know: no torch, no CUDA context, no network."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    *("aurora-dash", "torch", "torchvision", "microsoft-aurora", "streamlit", "plotly", "xarray"),
    *("numpy", "cartopy", "cfgrib", "eccodes", "netcdf4", "huggingface-hub"),
)

_CGROUP = Path("/sys/fs/cgroup")
_TOOL_TIMEOUT_SECONDS = 10.0
_MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU, as its driver describes it."""

    index: int
    name: str
    memory_bytes: int | None
    memory_used_bytes: int | None
    driver: str


@dataclass(frozen=True, kw_only=True)
class MachineSummary:
    """What there is to compute with."""

    host: str
    system: str
    python: str
    cpu: str
    num_cores: int
    """Cores this process may use, limits of a container included."""
    memory_bytes: int
    """Memory this process may use, limits of a container included."""
    memory_available_bytes: int
    gpus: tuple[Gpu, ...]
    driver_cuda: str | None
    """Newest CUDA version that the GPU driver can run."""
    versions: dict[str, str]
    """Installed versions by package name; a missing package has no entry."""

    @property
    def compute(self) -> str:
        """The best device in a few words, such as ``NVIDIA H100, 80 GiB``."""
        if not self.gpus:
            return f"CPU, {self.num_cores} cores"
        gpu = self.gpus[0]
        memory = f", {gpu.memory_bytes / 2**30:.0f} GiB" if gpu.memory_bytes else ""
        more = f" (and {len(self.gpus) - 1} more)" if len(self.gpus) > 1 else ""
        return f"{gpu.name}{memory}{more}"

    def to_dict(self) -> dict[str, Any]:
        """All facts as plain data, for JSON."""
        return asdict(self)


def machine_summary() -> MachineSummary:
    """Look at the machine; takes some milliseconds, and up to a second where there is a GPU."""
    memory = psutil.virtual_memory()
    limit = _cgroup_memory_limit()
    total = min(memory.total, limit) if limit else memory.total
    return MachineSummary(
        host=socket.gethostname(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpu=_cpu_name(),
        num_cores=_usable_cores(),
        memory_bytes=total,
        memory_available_bytes=min(memory.available, total),
        gpus=parse_gpus(ask_tool("nvidia-smi", *_GPU_QUERY)),
        driver_cuda=parse_driver_cuda(ask_tool("nvidia-smi")),
        versions=_versions(),
    )


_GPU_QUERY = (
    "--query-gpu=index,name,memory.total,memory.used,driver_version",
    "--format=csv,noheader,nounits",
)


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """GPUs from nvidia-smi's CSV; some boards answer ``[N/A]`` for their memory."""
    gpus = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 5 and cells[0].isdigit():
            index, name, total, used, driver = cells
            gpus.append(
                Gpu(
                    index=int(index),
                    name=name,
                    memory_bytes=int(total) * _MIB if total.isdigit() else None,
                    memory_used_bytes=int(used) * _MIB if used.isdigit() else None,
                    driver=driver,
                )
            )
    return tuple(gpus)


def parse_driver_cuda(text: str) -> str | None:
    """The CUDA version in the heading of nvidia-smi's table."""
    match = re.search(r"CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)", text)
    return match[1] if match else None


def ask_tool(name: str, *arguments: str) -> str:
    """Output of a program; empty if it is missing, fails or does not answer."""
    path = shutil.which(name)
    if path is None:
        return ""
    try:
        result = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            timeout=_TOOL_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout if result.returncode == 0 else ""


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_name() -> str:
    try:
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        match = None
    return match[1].strip() if match else platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    match = re.match(r"(\d+) (\d+)", _read_cgroup("cpu.max"))
    return max(1, min(cores, round(int(match[1]) / int(match[2])))) if match else cores


def _cgroup_memory_limit() -> int | None:
    text = _read_cgroup("memory.max")
    return int(text) if text.isdigit() else None


def _read_cgroup(name: str) -> str:
    try:
        return (_CGROUP / name).read_text().strip()
    except OSError:
        return ""
