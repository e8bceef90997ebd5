"""Who holds the GPU's memory, as nvidia-smi tells it."""

from __future__ import annotations

import os

from aurora_dash.doctor import machine_summary
from aurora_dash.doctor.gpu import GpuProcess, gpu_memory_findings, gpu_processes, parse_processes

SMI = """
case "$*" in
  *compute-apps*) echo "4242, /usr/bin/python train, old.py, 40960"; echo "7, ghost, [N/A]";;
  *query-gpu*) echo "0, NVIDIA H100, 81920, {used}, 570.86";;
  *) echo "CUDA Version: 12.8";;
esac
"""


def test_processes_are_read_with_commas_in_their_names_and_without_memory() -> None:
    text = "4242, python train, old.py, 512\n7, ghost, [N/A]\nNo running processes found\n"
    assert parse_processes(text) == (
        GpuProcess(4242, "python train, old.py", 512 * 2**20),
        GpuProcess(7, "ghost", None),
    )


def test_a_gpu_that_others_use_is_told_with_who_and_how_much(put_tool) -> None:
    put_tool("nvidia-smi", SMI.format(used=40960))
    (finding,) = gpu_memory_findings(machine_summary())
    assert (finding.code, finding.severity) == ("gpu_in_use", "warning")
    assert "40.0 of 80.0 GiB free" in finding.message
    assert "process 4242 (/usr/bin/python train, old.py with 40.0 GiB)" in finding.message
    assert "process 7 (ghost)" in finding.message
    assert finding.remedy


def test_a_little_use_is_no_warning_and_none_is_well(put_tool) -> None:
    put_tool("nvidia-smi", SMI.format(used=8192))
    assert [(f.code, f.severity) for f in gpu_memory_findings(machine_summary())] == [
        ("gpu_in_use", "info")
    ]
    put_tool("nvidia-smi", SMI.format(used=500))
    assert [f.code for f in gpu_memory_findings(machine_summary())] == ["gpu_memory"]


def test_this_process_does_not_count_as_another(put_tool) -> None:
    put_tool("nvidia-smi", f'echo "{os.getpid()}, python, 100"')
    assert gpu_processes() == ()


def test_without_a_gpu_there_is_nothing_to_tell() -> None:
    assert gpu_memory_findings(machine_summary()) == []
