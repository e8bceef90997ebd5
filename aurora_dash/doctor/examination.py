"""`examine`: everything that could stand in the way on this machine, each with a remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dash.data.findings import Finding, launchable, sort_findings
from aurora_dash.doctor.gpu import gpu_memory_findings
from aurora_dash.doctor.libraries import library_findings, torch_findings
from aurora_dash.doctor.machine import MachineSummary, machine_summary
from aurora_dash.doctor.settings import thread_findings, zone_findings
from aurora_dash.doctor.surroundings import (
    hub_findings,
    memory_findings,
    package_findings,
    runs_findings,
    store_findings,
)
from aurora_dash.doctor.tested import version_findings

_PROBE_TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The machine and what was found about it."""

    machine: MachineSummary
    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing was found that keeps a run from working."""
        return launchable(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "healthy": self.is_healthy,
            "machine": self.machine.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def examine(runs_root: Path, *, network: bool = True) -> Diagnosis:
    """Check packages, torch, CUDA, GPUs, GRIB, memory, threads, the runs folder, hub and CDS.

    Imports torch and aurora in a process of its own, which takes about 15 s.
    """
    machine = machine_summary()
    probed = run_probe()
    findings = [
        *package_findings(),
        *version_findings(machine.versions),
        *torch_findings(machine, probed),
        *library_findings(probed),
        *gpu_memory_findings(machine),
        *memory_findings(machine),
        *thread_findings(machine),
        *zone_findings(),
        *runs_findings(runs_root),
        *hub_findings(network=network),
        *(store_findings() if network else ()),
    ]
    return Diagnosis(machine=machine, findings=sort_findings(findings))


def run_probe() -> dict[str, Any]:
    """What `aurora_dash.doctor.probe` found; ``{"crash": ...}`` if it did not come back."""
    try:
        result = subprocess.run(
            [sys.executable, "-m", "aurora_dash.doctor.probe"],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"crash": f"did not end within {_PROBE_TIMEOUT_SECONDS:.0f} s"}
    try:
        found: dict[str, Any] = json.loads(_last_line(result.stdout))
    except ValueError:
        return {"crash": f"ended with code {result.returncode}: {_last_line(result.stderr)}"}
    return found


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
