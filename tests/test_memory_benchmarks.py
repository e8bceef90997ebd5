"""The benchmarks of memory and GPU training run, tiny, and claim nothing that they did not see."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
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


def _loaded(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


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
    assert "model_flop_utilisation" not in chunked
    # Both take the same steps; less is recomputed with chunks.
    assert 0.5 * package["flops"] < chunked["flops"] <= package["flops"]
    # Without what is computed again both do the same, a third or so less.
    (model_flops,) = {case["estimate"]["model_flops"] for case in (package, chunked)}
    assert 0.6 * package["flops"] < model_flops < chunked["flops"]


def test_the_use_of_a_gpu_is_told_with_and_without_what_is_recomputed(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = _loaded(repository / "benchmarks" / "gpu_training.py")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    names = ("package", "full", "full, chunked")
    cases = [
        {
            "case": name,
            "outcome": "measured",
            "flops": 538e12,
            "seconds_per_step": seconds,
            "samples_per_second": 1 / seconds,
            "peak_memory_bytes": 64 * 2**30,
            "estimate": {"peak_bytes": 63 * 2**30, "model_flops": 400e12},
        }
        for name, seconds in zip(names, (2.0, 2.5, 2.2), strict=True)
    ]
    _, _, chunked = script.compared(cases)
    assert chunked["model_flop_utilisation"] == pytest.approx(400 / 2.2 / 989)
    assert chunked["hardware_flop_utilisation"] == pytest.approx(538 / 2.2 / 989)
    assert chunked["time_beside_package"] == pytest.approx(1.1)
    assert chunked["time_beside_unchunked"] == pytest.approx(0.88)
    assert chunked["estimate_over_measured"] == pytest.approx(63 / 64)
    known = {"date": "2026-01-01", "device": "a GPU", "commit": "0" * 40}
    versions = dict.fromkeys(("python", "torch", "aurora-dash"), "1")
    document = {**known, "versions": versions, "changed_since_commit": False, "cases": cases}
    tables = _loaded(repository / "docs" / "benchmark_tables.py")
    row = "| full, chunked | 2.20 | 0.455 | 1.10 | 0.88 | 18.4% | 24.7% | 64.0 | 63.0 |"
    assert row in tables.render({"gpu_training": document})
