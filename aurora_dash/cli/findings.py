"""Findings as text for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from aurora_dash.cli.output import one_line
from aurora_dash.data.findings import Finding, Fix


def findings_text(findings: Iterable[Finding]) -> str:
    """A line a finding, below it its remedy, and a line for each fix that can be pasted."""
    return "\n".join(finding_line(finding) for finding in findings)


def finding_line(finding: Finding) -> str:
    """Severity, where, what, what to do, and how."""
    places = ", ".join(place for place in (finding.variable, finding.where) if place)
    where = f" [{places}]" if places else ""
    remedy = f"\n         -> {one_line(finding.remedy)}" if finding.remedy else ""
    fixes = "".join(f"\n            {fix.label}: {set_option(fix)}" for fix in finding.fixes)
    return f"{finding.severity:<8} {one_line(finding.message)}{where}{remedy}{fixes}"


def set_option(fix: Fix) -> str:
    """A fix as an option of this command line, ready to be pasted into a shell."""
    return "--set " + " ".join(shlex.quote(assignment) for assignment in fix.assignments)
