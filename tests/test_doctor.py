"""Doctor: facts read right from the tools' own output, problems named with a remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aurora_dash.doctor import Gpu, MachineSummary, examine, machine_summary
from aurora_dash.doctor.examination import run_probe
from aurora_dash.doctor.libraries import library_findings, torch_findings
from aurora_dash.doctor.machine import parse_driver_cuda, parse_gpus
from aurora_dash.doctor.surroundings import (
    hub_findings,
    memory_findings,
    package_findings,
    requirement_finding,
    runs_findings,
)
from aurora_dash.doctor.versions import release
from tests.local_server import QuietHandler, serving

GIB = 2**30
H100 = Gpu(index=0, name="NVIDIA H100", memory_bytes=80 * GIB, memory_used_bytes=0, driver="570.86")


@pytest.fixture(autouse=True)
def _no_toolkit_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed here does not count, only what a test puts there."""
    folders = os.environ["PATH"].split(os.pathsep)
    kept = [f for f in folders if not (Path(f) / "nvcc").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))
    for name in ("CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)


def _machine(**changes: Any) -> MachineSummary:
    facts: dict[str, Any] = {
        "host": "node",
        "system": "Linux",
        "python": "3.11",
        "cpu": "Xeon",
        "num_cores": 8,
        "memory_bytes": 64 * GIB,
        "memory_available_bytes": 32 * GIB,
        "gpus": (),
        "driver_cuda": None,
        "versions": {},
    }
    return MachineSummary(**{**facts, **changes})


def _probed(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "torch": {
            "version": "2.9.0+cu128",
            "cuda": "12.8",
            "gpu_available": True,
            "architectures": ["sm_80", "sm_90"],
        },
        "gpu": {"name": "NVIDIA H100", "architecture": "sm_90"},
        "aurora": {},
        "eccodes": {},
    }
    return {**found, **changes}


def test_gpus_are_read_from_the_csv_of_nvidia_smi() -> None:
    text = (
        "0, NVIDIA H100 80GB HBM3, 81559, 1024, 570.86.15\n"
        "1, NVIDIA GB10, [N/A], [N/A], 580.95.05\n"
    )
    first, second = parse_gpus(text)
    assert first == Gpu(
        index=0,
        name="NVIDIA H100 80GB HBM3",
        memory_bytes=81559 * 2**20,
        memory_used_bytes=1024 * 2**20,
        driver="570.86.15",
    )
    assert (second.index, second.memory_bytes, second.driver) == (1, None, "580.95.05")


@pytest.mark.parametrize(
    "text", ["", "No devices were found\n", "NVIDIA-SMI has failed, a, b, c\n"]
)
def test_no_gpu_is_read_from_anything_else(text: str) -> None:
    assert parse_gpus(text) == ()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("| NVIDIA-SMI 570.86.15   Driver Version: 570.86.15   CUDA Version: 12.8  |", "12.8"),
        ("| NVIDIA-SMI 590.1 Driver Version: 590.1 CUDA UMD Version : 13.2 |", "13.2"),
        ("", None),
    ],
)
def test_the_driver_s_cuda_version_is_read_from_the_heading(text: str, version: str) -> None:
    assert parse_driver_cuda(text) == version


def _put_tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_tools_on_the_path_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put_tool(
        tmp_path,
        "nvidia-smi",
        'case "$1" in --query*) echo "0, Fake GPU, 1024, 0, 1.2";; '
        '*) echo "CUDA Version: 12.4";; esac',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    machine = machine_summary()
    assert [gpu.name for gpu in machine.gpus] == ["Fake GPU"]
    assert machine.driver_cuda == "12.4"
    assert machine.compute == "Fake GPU, 1 GiB"
    _put_tool(tmp_path, "nvidia-smi", 'echo "0, Broken, 1, 0, 1"; exit 9')
    assert machine_summary().gpus == ()


def test_the_summary_tells_what_this_process_may_use() -> None:
    machine = machine_summary()
    assert 1 <= machine.num_cores <= (os.cpu_count() or 1)
    assert 0 < machine.memory_available_bytes <= machine.memory_bytes
    assert machine.memory_bytes <= psutil.virtual_memory().total
    assert machine.python == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "microsoft-aurora", "streamlit"} <= machine.versions.keys()
    assert machine.to_dict()["num_cores"] == machine.num_cores


def test_importing_the_doctor_does_not_import_torch() -> None:
    code = (
        "import sys, aurora_dash.doctor as d; d.machine_summary()\n"
        "sys.exit('torch' in sys.modules or 'xarray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_best_device_is_named() -> None:
    assert _machine().compute == "CPU, 8 cores"
    assert _machine(gpus=(H100, H100)).compute == "NVIDIA H100, 80 GiB (and 1 more)"


def _codes(machine: MachineSummary, probed: dict[str, Any]) -> list:
    findings = torch_findings(machine, probed)
    assert all(f.remedy for f in findings if f.severity != "info")
    return [(finding.code, finding.severity) for finding in findings]


def test_torch_on_a_working_gpu_is_fine() -> None:
    machine = _machine(gpus=(H100,), driver_cuda="12.8")
    assert _codes(machine, _probed()) == [("torch", "info"), ("gpu", "info")]


def test_each_way_in_which_a_gpu_can_fail_has_its_own_finding() -> None:
    torch = _probed()["torch"]
    machine = _machine(gpus=(H100,), driver_cuda="12.8")
    cases: list[tuple[MachineSummary, dict[str, Any], tuple[str, str]]] = [
        (_machine(), _probed(), ("no_gpu", "info")),
        (machine, _probed(torch={**torch, "cuda": None}), ("torch_without_cuda", "warning")),
        (machine, _probed(torch={**torch, "cuda": "13.0"}), ("driver_old", "error")),
        (machine, _probed(torch={**torch, "gpu_available": False}), ("gpu_broken", "error")),
        (machine, _probed(gpu={"error": "no kernel image"}), ("gpu_broken", "error")),
    ]
    for where, probed, expected in cases:
        assert _codes(where, probed)[1:] == [expected]
    broken = torch_findings(machine, _probed(gpu={"error": "no kernel image"}))[1]
    assert "no kernel image" in broken.message
    assert "sm_80, sm_90" in broken.remedy


def test_torch_that_fails_or_takes_its_process_down_is_an_error() -> None:
    broken = _probed(torch={"error": "ImportError: libcudart.so.12"})
    assert _codes(_machine(), broken) == [("torch_broken", "error")]
    assert _codes(_machine(), {"crash": "ended with code -11: "}) == [("torch_crash", "error")]
    assert library_findings({"crash": "x"}) == []


def test_broken_libraries_are_named() -> None:
    findings = library_findings(
        _probed(aurora={"error": "ImportError: timm"}, eccodes={"error": "OSError: none"})
    )
    assert [(f.code, f.severity) for f in findings] == [
        ("aurora_broken", "error"),
        ("grib_broken", "warning"),
    ]
    assert "timm" in findings[0].message


def test_a_probe_that_dies_is_reported_as_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_tool(tmp_path, "python", 'echo "undefined symbol: ncclX" >&2; kill -SEGV $$')
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    crash = run_probe()["crash"]
    assert "code -11" in crash and "undefined symbol: ncclX" in crash


def test_requirements_are_compared_by_their_numbers() -> None:
    assert release("2.15.0+cu128") == (2, 15, 0)
    assert requirement_finding("numpy>=1.9") is None  # 2.x is newer than 1.9
    old = requirement_finding("numpy>=99.0")
    assert old is not None and (old.code, old.severity) == ("package_old", "error")
    missing = requirement_finding("no-such-package-here>=1.0")
    assert missing is not None and missing.code == "package_missing"
    assert "pip install 'no-such-package-here>=1.0'" in missing.remedy


def test_this_environment_meets_the_project_s_requirements() -> None:
    assert [f for f in package_findings() if f.severity == "error"] == []


def test_little_memory_is_a_warning() -> None:
    assert memory_findings(_machine()) == []
    (finding,) = memory_findings(_machine(memory_available_bytes=GIB))
    assert finding.severity == "warning"
    assert "1.0 GiB of 64.0 GiB" in finding.message


def test_a_place_for_runs_is_tried_without_leaving_anything(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet"
    (finding,) = runs_findings(root)
    assert finding.code in ("runs_folder", "little_disk")
    assert str(root) in finding.message
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_runs_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (finding,) = runs_findings(tmp_path / "file" / "runs")
    assert (finding.code, finding.severity) == ("runs_folder_broken", "error")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on this machine that knows one model; yields the paths asked for."""
    asked: list[str] = []

    class Handler(QuietHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == "/api/models/microsoft/aurora" else 404)
            self.end_headers()

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with serving(Handler) as url:
        monkeypatch.setenv("HF_ENDPOINT", f"{url}/")
        yield asked


def test_a_hub_that_answers_is_well(hub: list[str]) -> None:
    assert [f.code for f in hub_findings(network=True)] == ["checkpoints", "hub"]
    assert hub == ["/api/models/microsoft/aurora"]


def test_a_hub_that_does_not_answer_is_a_warning_with_what_works_without(
    hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for endpoint, problem in [
        (os.environ["HF_ENDPOINT"] + "elsewhere", "404"),
        ("http://127.0.0.1:9", "refused"),
        ("nonsense", "unknown url type"),
    ]:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        finding = hub_findings(network=True)[1]
        assert (finding.code, finding.severity) == ("hub_unreachable", "warning")
        assert problem in finding.message
        assert "demo" in finding.remedy


def test_the_hub_is_not_asked_when_offline_is_wanted(
    hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [f.code for f in hub_findings(network=False)] == ["checkpoints"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in hub_findings(network=True)[1].message
    assert hub == []


@pytest.mark.slow
def test_the_whole_examination_of_this_machine(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, network=False)
    assert diagnosis.is_healthy, diagnosis.findings
    assert "torch" in [finding.code for finding in diagnosis.findings]
    found = diagnosis.to_dict()
    assert found["healthy"] is True
    assert found["machine"]["versions"]["torch"] == diagnosis.machine.versions["torch"]
