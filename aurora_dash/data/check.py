"""What stands in the way of training with this data, in words and with a remedy.

The checks of the axes cost nothing; the fields are read once, a bounded part at a time, and of
very large data a sample of the times.
"""

from __future__ import annotations

from collections.abc import Iterator

from aurora_dash.data.checks_axes import axis_findings
from aurora_dash.data.checks_fields import DEFAULT_BUDGET_BYTES, field_findings, unreadable
from aurora_dash.data.checks_times import time_findings
from aurora_dash.data.findings import Finding, launchable, sort_findings
from aurora_dash.data.open import OpenedData
from aurora_dash.data.remedies import settled
from aurora_dash.data.summary import (
    DataSummary,
    GridSummary,
    TimesSummary,
    VariableSummary,
    describe,
)
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec

__all__ = [
    "DataSummary",
    "GridSummary",
    "TimesSummary",
    "VariableSummary",
    "check_for_training",
    "describe",
    "launchable",
]


def check_for_training(
    opened: OpenedData,
    spec: RunSpec,
    *,
    read_fields: bool = True,
    budget_bytes: int | None = DEFAULT_BUDGET_BYTES,
) -> tuple[Finding, ...]:
    """All findings about `opened` (as `open_data` gave it) for a run of `spec`, errors first.

    Includes those made on opening. `read_fields` False leaves out what needs the fields (missing
    values, impossible values, statics that change); `budget_bytes` limits how much is read, None
    reads everything.
    """
    dataset = opened.dataset
    findings = [
        *opened.findings,
        *axis_findings(dataset, spec),
        *time_findings(dataset, spec),
    ]
    if read_fields:
        findings.extend(settled(_later_findings(opened), spec.data.remedies))
        findings.extend(field_findings(dataset, spec, budget_bytes=budget_bytes))
    return sort_findings(findings)


def _later_findings(opened: OpenedData) -> Iterator[Finding]:
    for check in opened.later_checks:
        try:
            yield from check()
        except DataError as error:
            yield unreadable(error)
