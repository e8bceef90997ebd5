"""The benchmark on GPUs: it runs, on a CPU and tiny, and says honestly what does not fit."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from aurora_dash.variants import VARIANTS, get_variant

pytestmark = pytest.mark.slow

GIB = 2**30


@pytest.fixture
def script(repository: Path) -> ModuleType:
    path = repository / "benchmarks" / "gpu_variants.py"
    found = importlib.util.spec_from_file_location("gpu_variants", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_every_variant_takes_its_steps_when_tiny(script: ModuleType, variant) -> None:
    found = script.measure(variant, 1.0, tiny=True)
    assert found["outcome"] == "fits"
    assert math.isfinite(found["loss"])
    assert found["grad_norm"] > 0
    assert found["grid"] == [6 * variant.patch_size] * 2
    assert found["levels"] == 13
    assert found["seconds_per_step"] > 0
    assert found["peak_memory_bytes"] > 1e8


@pytest.mark.slow
def test_the_script_writes_what_its_figures_mean(repository: Path, tmp_path: Path) -> None:
    output = tmp_path / "results" / "out.json"
    command = [sys.executable, "benchmarks/gpu_variants.py", "--tiny", "--variant", "small"]
    done = subprocess.run(
        [*command, "--output", str(output)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(output.read_text())
    assert document["tiny"] is True
    assert {"torch", "microsoft-aurora", "cuda", "python"} <= document["versions"].keys()
    assert document["device"]
    assert document["commit"]
    (result,) = document["variants"]
    assert (result["variant"], result["outcome"]) == ("small", "fits")
    assert "small: " in done.stderr


@pytest.mark.parametrize(
    ("variant", "grid"),
    [("0.25-pretrained", (720, 1440)), ("0.1-finetuned", (1800, 3600)),
     ("0.4-air-pollution", (450, 900)), ("v1.5", (720, 1440))],
)  # fmt: skip
def test_grids_are_the_native_ones(script: ModuleType, variant: str, grid) -> None:
    latitudes, longitudes = script.grid_of(get_variant(variant), 1.0, tiny=False)
    assert (latitudes.size, longitudes.size) == grid
    assert latitudes[0] == 90
    assert 0 == longitudes[0] < longitudes[-1] < 360
    assert script.grid_of(get_variant(variant), 0.5, tiny=False)[0].size == grid[0] // 2 // \
        get_variant(variant).patch_size * get_variant(variant).patch_size  # fmt: skip


def test_what_does_not_fit_is_said_with_by_how_much(script: ModuleType) -> None:
    whole = {"grid": [720, 1440], "device_memory_bytes": 40 * GIB}
    half = {"outcome": "fits", "grid": [360, 1440], "peak_memory_bytes": 35 * GIB}
    quarter = {"outcome": "fits", "grid": [180, 1440], "peak_memory_bytes": 25 * GIB}
    # 15 GiB, and 10 more for each quarter: 55 for all four.
    found = script.extrapolate(whole, [half, quarter])
    assert found == {
        "extrapolated_need_bytes": 55 * GIB,
        "extrapolated_short_by_bytes": 15 * GIB,
    }
    assert script.extrapolate(whole, [half, {"outcome": "out of memory"}]) == {}
    message = "CUDA out of memory. Tried to allocate 6.50 GiB. GPU 0 has a total capacity of 79"
    assert script._requested(message) == int(6.5 * GIB)
    assert script._requested("nothing of the kind") == 0


def test_without_a_gpu_it_measures_nothing(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_variants.py"])
    assert script.main() == 2
    assert "There is no GPU here" in capsys.readouterr().out
