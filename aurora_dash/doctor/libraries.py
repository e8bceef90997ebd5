"""Findings about torch, CUDA, aurora and the GRIB library, from what the probe saw."""

from __future__ import annotations

from typing import Any

from aurora_dash.data.findings import Finding
from aurora_dash.doctor.cuda import driver_finding, toolkit_findings
from aurora_dash.doctor.machine import MachineSummary

Probed = dict[str, Any]

_REINSTALL = "Reinstall torch and torchvision together, from one index."


def torch_findings(machine: MachineSummary, probed: Probed) -> list[Finding]:
    """Whether torch works, and on what: its CUDA runtime against driver, GPU and toolkits."""
    if "crash" in probed:
        return [
            Finding(
                severity="error",
                code="torch_crash",
                message=f"A process that imports torch and aurora {probed['crash']}.",
                remedy=_REINSTALL,
            )
        ]
    torch = probed["torch"]
    if "error" in torch:
        return [
            Finding(
                severity="error",
                code="torch_broken",
                message=f"torch can't be imported: {torch['error']}.",
                remedy=_REINSTALL,
            )
        ]
    build = f"CUDA {torch['cuda']}" if torch["cuda"] else "CPU only"
    works = Finding(
        severity="info", code="torch", message=f"torch {torch['version']} works ({build})."
    )
    if not machine.gpus:
        return [works, _no_gpu()]
    gpu = _gpu_finding(machine, torch, probed["gpu"])
    return [works, gpu, *toolkit_findings(torch["cuda"])]


def _no_gpu() -> Finding:
    return Finding(
        severity="info",
        code="no_gpu",
        message="There is no NVIDIA GPU: training runs on the CPU.",
        remedy="Tiny and small models train on a CPU; the full ones need a GPU.",
    )


def _gpu_finding(machine: MachineSummary, torch: Probed, gpu: Probed) -> Finding:
    name = machine.gpus[0].name
    if not torch["cuda"]:
        return Finding(
            severity="warning",
            code="torch_without_cuda",
            message=f"{name} is here, but this torch was built for CPUs: the GPU stays idle.",
            remedy="Install a CUDA build of torch and torchvision (pytorch.org, Get started).",
        )
    if (old := driver_finding(machine.driver_cuda, torch["cuda"])) is not None:
        return old
    if "error" in gpu or not torch["gpu_available"]:
        why = gpu.get("error", "torch finds no usable GPU")
        return Finding(
            severity="error",
            code="gpu_broken",
            message=f"{name} is here but computing on it fails: {why}.",
            remedy="Check CUDA_VISIBLE_DEVICES and the permissions of /dev/nvidia*; this torch "
            f"supports {', '.join(torch['architectures'])}.",
        )
    return Finding(
        severity="info", code="gpu", message=f"{gpu['name']} ({gpu['architecture']}) computes."
    )


def library_findings(probed: Probed) -> list[Finding]:
    """Whether Aurora and the GRIB library load."""
    if "crash" in probed:
        return []
    findings = []
    if "error" in probed["aurora"]:
        findings.append(
            Finding(
                severity="error",
                code="aurora_broken",
                message=f"aurora can't be imported: {probed['aurora']['error']}.",
                remedy="Reinstall microsoft-aurora, and a torchvision that matches torch.",
            )
        )
    if "error" in probed["eccodes"]:
        findings.append(
            Finding(
                severity="warning",
                code="grib_broken",
                message=f"GRIB files can't be read: {probed['eccodes']['error']}.",
                remedy="pip install eccodes, or use NetCDF files.",
            )
        )
    return findings
