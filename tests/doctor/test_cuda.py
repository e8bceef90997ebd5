"""Toolkits of the system against torch's CUDA, with real files and real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aurora_dash.doctor.cuda import driver_finding, toolkit_findings, toolkits


def _seen(torch_cuda: str | None) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in toolkit_findings(torch_cuda)]


def test_a_compiler_on_the_path_is_asked_for_its_version(put_tool) -> None:
    path = put_tool("nvcc", 'echo "Cuda compilation tools, release 12.2, V12.2.140"')
    (kit,) = toolkits()
    assert (kit.found_by, kit.place, kit.version) == ("PATH", path, "12.2")


def test_the_case_of_the_guide_is_named_with_both_versions_and_a_way_out(put_tool) -> None:
    put_tool("nvcc", 'echo "Cuda compilation tools, release 12.2, V12.2.140"')
    (finding,) = toolkit_findings("12.6")
    assert (finding.code, finding.severity) == ("toolkit_differs", "warning")
    assert "toolkit of PATH is 12.2" in finding.message
    assert "torch was built with 12.6" in finding.message
    assert "illegal memory accesses" in finding.message
    assert "torch built for CUDA 12.2" in finding.remedy
    assert _seen("12.2") == [("toolkit", "info")]
    assert _seen(None) == []


def test_homes_are_read_from_their_compiler_or_their_version_file(
    toolkit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_HOME", str(toolkit("12.2")))
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "version.json").write_text('{"cuda": {"version": "12.4.131"}}')
    monkeypatch.setenv("CUDA_PATH", str(bare))
    assert [(kit.found_by, kit.version) for kit in toolkits()] == [
        ("CUDA_HOME", "12.2"),
        ("CUDA_PATH", "12.4"),
    ]
    (bare / "version.json").write_text("[]")
    assert [kit.found_by for kit in toolkits()] == ["CUDA_HOME"]


def test_libraries_that_are_loaded_in_place_of_torch_s_are_found(
    toolkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = toolkit("12.2") / "lib64"
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(["", "/nowhere", str(library)]))
    (finding,) = toolkit_findings("12.6")
    assert finding.where == "LD_LIBRARY_PATH"
    assert "loaded in place of those that torch brings" in finding.message
    assert f"Take {library} out of LD_LIBRARY_PATH" in finding.remedy


def test_a_home_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_HOME", "/nowhere/cuda")
    (finding,) = toolkit_findings("12.6")
    assert (finding.code, finding.severity) == ("cuda_home_missing", "warning")
    assert "/nowhere/cuda" in finding.message


def test_a_driver_too_old_for_torch_is_an_error(put_tool) -> None:
    put_tool("nvidia-smi", 'echo "| Driver Version: 470.1  CUDA Version: 11.4 |"')
    assert _seen("12.6") == [("driver_old", "error")]
    assert driver_finding("12.2", "12.6") is None
    assert driver_finding(None, "12.6") is None


def test_tools_that_fail_are_no_toolkit(put_tool) -> None:
    put_tool("nvcc", "echo broken; exit 1")
    put_tool("nvidia-smi", "exit 9")
    assert toolkits() == ()
    assert _seen("12.6") == []
