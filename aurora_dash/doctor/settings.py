"""Settings of the process that change results or speed: time zone, threads, cores."""

from __future__ import annotations

import os
import time

from aurora_dash.data.findings import Finding
from aurora_dash.doctor.machine import MachineSummary


def zone_findings() -> list[Finding]:
    """The time zone: Aurora reads times without a zone in that of the process."""
    zone, offset = time.tzname[0], -time.timezone
    if offset == 0 and not time.daylight:
        return [Finding(severity="info", code="time_zone", message=f"The time zone is {zone}.")]
    return [
        Finding(
            severity="info",
            code="time_zone",
            message=f"The time zone is {zone} (UTC{offset / 3600:+g} h). All times here are UTC "
            "with their zone, so that it changes nothing.",
            remedy="In scripts of your own set TZ=UTC: Aurora reads times without a zone in that "
            "of the process, which shifts its time encoding.",
        )
    ]


def thread_findings(machine: MachineSummary) -> list[Finding]:
    """Whether there are more threads than cores, which then wait for each other."""
    cores, seen = machine.num_cores, os.cpu_count() or 1
    findings = []
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > cores:
            findings.append(
                Finding(
                    severity="warning",
                    code="many_threads",
                    message=f"{name} is {value}, but this process may use {cores} of {seen} cores.",
                    remedy=f"Set {name}={cores} or fewer, or unset it.",
                    where=name,
                )
            )
    if cores < seen:
        findings.append(
            Finding(
                severity="warning",
                code="fewer_cores",
                message=f"The machine shows {seen} cores, this process may use {cores}: without "
                f"training.threads a run takes {max(1, seen - 1)} threads, which wait for each "
                "other.",
                remedy=f"Set training.threads={max(1, cores - 1)}.",
            )
        )
    if not findings:
        threads = max(1, seen - 1)
        message = f"{cores} cores; a run takes {threads} of them unless training.threads is set."
        findings.append(Finding(severity="info", code="threads", message=message))
    return findings
