"""Findings as text for people."""

from __future__ import annotations

from collections.abc import Iterable

from aurora_dash.cli.output import one_line
from aurora_dash.data.findings import Finding


def findings_text(findings: Iterable[Finding]) -> str:
    """A line a finding, and one with its remedy below."""
    return "\n".join(finding_line(finding) for finding in findings)


def finding_line(finding: Finding) -> str:
    """Severity, where, what, and what to do."""
    places = ", ".join(place for place in (finding.variable, finding.where) if place)
    where = f" [{places}]" if places else ""
    remedy = f"\n         -> {one_line(finding.remedy)}" if finding.remedy else ""
    return f"{finding.severity:<8} {one_line(finding.message)}{where}{remedy}"
