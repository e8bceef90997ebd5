"""A machine of our own making: fake tools on the PATH, no toolkit of the real one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PutTool = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _no_toolkit_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed here does not count, only what a test puts there."""
    folders = os.environ["PATH"].split(os.pathsep)
    tools = ("nvcc", "nvidia-smi")
    kept = [f for f in folders if not any((Path(f) / tool).exists() for tool in tools)]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))
    for name in ("CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def put_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PutTool:
    """`put_tool(name, script)`: a program on the PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def toolkit(tmp_path: Path) -> Callable[[str], Path]:
    """`toolkit(version)`: a folder as CUDA's installer leaves it."""

    def make(version: str) -> Path:
        home = tmp_path / f"cuda-{version}"
        (home / "bin").mkdir(parents=True)
        (home / "lib64").mkdir()
        compiler = home / "bin" / "nvcc"
        compiler.write_text(f"#!/bin/sh\necho 'Cuda tools, release {version}, V{version}.140'\n")
        compiler.chmod(0o755)
        (home / "lib64" / f"libcudart.so.{version}.140").touch()
        (home / "lib64" / "libcudart.so.12").touch()
        return home

    return make
