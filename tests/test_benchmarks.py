"""The benchmarks run, tiny, and what the documents say is what was measured."""

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


@pytest.fixture
def tables(repository: Path) -> ModuleType:
    path = repository / "docs" / "benchmark_tables.py"
    found = importlib.util.spec_from_file_location("benchmark_tables", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _run(repository: Path, script: str, *arguments: str, timeout: float = 200) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}.py", *arguments],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_page_of_benchmarks_is_what_the_results_say(
    tables: ModuleType, repository: Path
) -> None:
    written = (repository / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert written == tables.render(tables.read_results()), "run python docs/benchmark_tables.py"


def test_preparing_twenty_gigabytes_stayed_below_two_of_memory(repository: Path) -> None:
    text = (repository / "benchmarks" / "results" / "prepare.json").read_text(encoding="utf-8")
    result = json.loads(text)
    assert result["field_bytes"] >= 20e9
    assert result["peak_memory_bytes"] < 2e9
    assert result["largest_error_of_statistics"] < 1e-6


@pytest.mark.slow
def test_the_benchmark_of_preparing_runs(repository: Path, tables: ModuleType) -> None:
    result = _run(repository, "prepare", "--tiny", "--gigabytes", "0.002")
    assert result["written_again"] == 0
    assert 0 < result["largest_error_of_statistics"] < 1e-6
    assert "peak memory" in tables.render({"prepare": result})


@pytest.mark.slow
def test_the_benchmark_of_the_loader_runs(repository: Path, tables: ModuleType) -> None:
    result = _run(repository, "loader", "--tiny")
    size = result["sizes"]["demo"]
    seconds = {way: found["median"] for way, found in size["seconds_a_sample"].items()}
    assert seconds["store_blocks_warm"] < seconds["netcdf_dataloader"]
    assert seconds["uncompressed_blocks_warm"] < seconds["netcdf_dataloader"]
    assert size["waiting"]["median_wait_seconds"] < size["waiting"]["assumed_step_seconds"]
    assert "(goal 30)" in tables.render({"loader": result})


@pytest.mark.slow
def test_the_benchmark_of_attention_runs(repository: Path, tables: ModuleType) -> None:
    result = _run(
        repository, "attention", "--windows", "4", "--stages", "0", "--rounds", "1", "--eager"
    )
    cases = {(case["dtype"], case["mask"]) for case in result["attention"]}
    assert cases == {(kind, mask) for kind in ("float32", "bfloat16") for mask in (True, False)}
    for case in result["attention"]:
        assert case["milliseconds"]["torch's choice"] > 0
        assert case["milliseconds"]["math"] > 0
    assert "| 0 | float32 | shifted |" in tables.render({"attention": result})


def test_scoring_stayed_within_its_goal(repository: Path) -> None:
    text = (repository / "benchmarks" / "results" / "evaluation.json").read_text(encoding="utf-8")
    result = json.loads(text)
    for measures in ("default", "more"):
        assert result["quarter_degree"][measures]["of_stand_in"] < result["goal"]
        assert result["small"][measures]["overhead"] < result["goal"]


@pytest.mark.slow
def test_the_benchmark_of_the_loop_runs(repository: Path, tables: ModuleType) -> None:
    result = _run(
        repository, "loop_overhead", "--pairs", "2", "--height", "16", "--width", "32",
        "--levels", "2", "--batch-size", "1",
    )  # fmt: skip
    assert (result["trained_on"], result["pairs"]) == ("cpu", 2)
    assert result["engine_step_seconds"] > 0 < result["bare_step_seconds"]
    assert "| wall time |" in tables.render({"loop_overhead": result})


@pytest.mark.slow
def test_the_benchmark_of_evaluation_runs(repository: Path, tables: ModuleType) -> None:
    result = _run(repository, "evaluation", "--pairs", "2", "--samples", "2", "--tiny")
    assert result["tiny"]["samples"] == 2
    assert result["tiny"]["default"]["bare_seconds"] > 0
    assert result["quarter_degree"]["default"]["of_stand_in"] > 0
    assert "bare model" in tables.render({"evaluation": result})


@pytest.mark.slow
@pytest.mark.browser
def test_the_benchmark_of_maps_runs(repository: Path, tables: ModuleType) -> None:
    result = _run(repository, "maps", "--shrink", "20", "--tries", "2", "--other-tries", "1")
    for grid in result["grids"].values():
        assert set(grid["ways"]) == {"canvas", "plotly", "cartopy"}
        for way in grid["ways"].values():
            assert all(seconds > 0 for tries in way["tries"].values() for seconds in tries)
            # What is not seen within the limit is told as such.
            assert "zoom" in way or way["timed_out"]
        assert {"click", "change", "zoom"} <= set(grid["ways"]["canvas"])
    assert "| the dashboard's canvases |" in tables.render({"maps": result})


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_benchmark_of_live_monitoring_runs(repository: Path, tables: ModuleType) -> None:
    parts = "refresh,crowd,memory,rivals"
    result = _run(repository, "live", "--tiny", "--parts", parts, timeout=580)
    assert result["refresh"]["steps"] == 5000
    opens, every = (result["refresh"][what] for what in ("as_it_opens", "all_sections_open"))
    assert every["charts"] > opens["charts"] > 1
    assert 0 < opens["bytes"]["mean"] < every["bytes"]["mean"] < result["refresh"]["goal_bytes"]
    assert opens["thread_cpu_seconds"]["count"] > 0
    for kind, where in (("with_browsers", "screen"), ("without_browsers", "wire")):
        delays = result["crowd"][kind][f"{where}_seconds"]
        assert delays["count"] >= result["crowd"][kind]["writes"] >= 8
        assert 0 < delays["p50"] <= delays["p95"]
    assert result["memory"]["refreshes"] > 100
    page = tables.render({"live": result})
    assert "at 5,000 steps of 20 series" in page
    assert "2 at once" in page
    boards = result["rivals"]["boards"]
    assert boards["Aurora Dash"]["spike_seen"]
    assert boards["Aurora Dash"]["refresh_bytes"] > 0
    assert "not installed" in boards["TensorBoard"]["reason"]
