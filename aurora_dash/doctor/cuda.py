"""CUDA on this machine: toolkits of the system against the CUDA that torch was built with."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from aurora_dash.data.findings import Finding
from aurora_dash.doctor.machine import ask_tool, parse_driver_cuda
from aurora_dash.doctor.versions import release

_LIBRARY = re.compile(r"libcudart\.so\.(\d+\.\d+)")


@dataclass(frozen=True)
class Toolkit:
    """A CUDA toolkit that programs may meet."""

    found_by: str
    """``PATH``, ``CUDA_HOME``, ``CUDA_PATH`` or ``LD_LIBRARY_PATH``."""
    place: Path
    version: str
    """Major and minor number, ``12.2``."""


def toolkits() -> tuple[Toolkit, ...]:
    """The toolkits that the environment names: compilers, and runtime libraries to be loaded."""
    found = []
    compiler = shutil.which("nvcc")
    if compiler and (version := _compiler_version(compiler)):
        found.append(Toolkit("PATH", Path(compiler), version))
    for name in ("CUDA_HOME", "CUDA_PATH"):
        home = os.environ.get(name)
        if home and (version := _home_version(Path(home))):
            found.append(Toolkit(name, Path(home), version))
    for text in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep):
        if text and (version := _library_version(Path(text))):
            found.append(Toolkit("LD_LIBRARY_PATH", Path(text), version))
    return tuple(found)


def _compiler_version(path: str) -> str | None:
    match = re.search(r"release (\d+\.\d+)", ask_tool(path, "--version"))
    return match[1] if match else None


def _home_version(home: Path) -> str | None:
    compiler = home / "bin" / "nvcc"
    if compiler.exists() and (version := _compiler_version(str(compiler))):
        return version
    try:
        told = json.loads((home / "version.json").read_text(encoding="utf-8"))
        return ".".join(str(told["cuda"]["version"]).split(".")[:2])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _library_version(folder: Path) -> str | None:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return None
    versions = [match[1] for name in names if (match := _LIBRARY.match(name))]
    return versions[-1] if versions else None


def toolkit_findings(torch_cuda: str | None) -> list[Finding]:
    """Whether toolkits and driver go with torch, built with CUDA `torch_cuda` (None: for CPUs)."""
    if torch_cuda is None:
        return []
    found = toolkits()
    differing = [_differs(kit, torch_cuda) for kit in found if not _same(kit, torch_cuda)]
    findings = [*_missing_homes(), *differing]
    old = driver_finding(parse_driver_cuda(ask_tool("nvidia-smi")), torch_cuda)
    if old is not None:
        findings.append(old)
    if found and not findings:
        findings.append(
            Finding(
                severity="info",
                code="toolkit",
                message=f"The CUDA toolkit is {found[0].version} ({found[0].place}), as torch's.",
            )
        )
    return findings


def _same(toolkit: Toolkit, torch_cuda: str) -> bool:
    return release(toolkit.version)[:2] == release(torch_cuda)[:2]


def _differs(toolkit: Toolkit, torch_cuda: str) -> Finding:
    loaded = toolkit.found_by == "LD_LIBRARY_PATH"
    why = (
        "its libraries are loaded in place of those that torch brings"
        if loaded
        else "illegal memory accesses were reported with 12.2 against a build for 12.6"
    )
    remedy = (
        f"Take {toolkit.place} out of LD_LIBRARY_PATH: torch brings its own libraries."
        if loaded
        else f"Install a torch built for CUDA {toolkit.version}, or a toolkit {torch_cuda}; torch "
        f"itself needs none, so {toolkit.found_by} may also be cleared of it."
    )
    return Finding(
        severity="warning",
        code="toolkit_differs",
        message=f"The CUDA toolkit of {toolkit.found_by} is {toolkit.version} ({toolkit.place}), "
        f"torch was built with {torch_cuda}: {why}.",
        remedy=remedy,
        where=toolkit.found_by,
    )


def _missing_homes() -> list[Finding]:
    return [
        Finding(
            severity="warning",
            code="cuda_home_missing",
            message=f"{name} names {home}, which is not there.",
            remedy=f"Unset {name}, or let it name the toolkit's folder.",
            where=name,
        )
        for name in ("CUDA_HOME", "CUDA_PATH")
        if (home := os.environ.get(name)) and not Path(home).is_dir()
    ]


def driver_finding(driver_cuda: str | None, torch_cuda: str) -> Finding | None:
    """An error if the driver, which runs CUDA up to `driver_cuda`, is too old for this torch.

    Within a major version of CUDA newer builds run on older drivers.
    """
    if not driver_cuda or release(driver_cuda)[0] >= release(torch_cuda)[0]:
        return None
    return Finding(
        severity="error",
        code="driver_old",
        message=f"The GPU driver runs CUDA up to {driver_cuda}; torch brings {torch_cuda}.",
        remedy="Update the driver, or install a torch built for an older CUDA.",
    )
