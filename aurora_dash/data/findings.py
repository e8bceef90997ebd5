"""What was noticed about data: done to it, odd about it, or in the way of a launch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a person should know about their data.

    An ``error`` stands in the way of a launch, a ``warning`` may spoil the result, an ``info``
    says what was done to the data on the way in.
    """

    severity: Severity
    code: str
    """Stable short name of the kind of finding, such as ``cropped``."""
    message: str
    """What was found: file, variable, value, and what was expected."""
    remedy: str = ""
    """What a person can do about it."""
    variable: str | None = None
    """Canonical key (``surf_2t``) or, where there is none, the name in the file."""
    where: str | None = None
    """File, time or place."""

    def to_dict(self) -> dict[str, str | None]:
        """All fields as plain data, for JSON."""
        return asdict(self)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without repetition, errors first, otherwise in the order they were made."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: _ORDER[finding.severity]))


def launchable(findings: Iterable[Finding]) -> bool:
    """Whether nothing among the findings stands in the way of a launch."""
    return all(finding.severity != "error" for finding in findings)
