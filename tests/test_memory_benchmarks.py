"""The benchmarks of memory and GPU training run, tiny, and claim nothing that they did not see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def _run(repository: Path, tmp_path: Path, script: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}.py", "--tiny", *arguments],
        cwd=repository,
        env={
            **os.environ,
            "PYTHONPATH": str(repository),
            "AURORA_DASH_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    document: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return document


def test_modes_are_estimated_one_by_one(repository: Path, tmp_path: Path) -> None:
    chosen = ("--variant", "small", "--mode", "documented")
    (found,) = _run(repository, tmp_path, "memory", *chosen)["modes"]
    assert (found["variant"], found["mode"]) == ("small", "documented")
    assert found["peak_bytes"] == sum(found["parts"].values()) > 0


def test_steps_are_compared_with_the_packages_own_loop(repository: Path, tmp_path: Path) -> None:
    cases = ("--case", "package", "--case", "full, chunked")
    _run(repository, tmp_path, "gpu_training", *cases, "--folder", str(tmp_path))
    document = json.loads((tmp_path / "gpu_training.json").read_text())
    package, chunked = document["cases"]
    assert document["tiny"] is True
    assert package["time_beside_package"] == 1.0
    assert chunked["outcome"] == "measured"
    assert chunked["seconds_per_step"] > 0
    # A CPU is not what this measures.
    assert chunked["peak_memory_bytes"] is None
    assert "flop_utilisation" not in chunked
    # Both take the same steps; less is recomputed with chunks.
    assert 0.5 * package["flops"] < chunked["flops"] <= package["flops"]
