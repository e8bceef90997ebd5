"""What was noticed about data: done to it, odd about it, or in the way of a launch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from aurora_dash.data.pictures import Picture
from aurora_dash.errors import DataError
from aurora_dash.spec import Remedy
from aurora_dash.spec.remedies import ConvertUnit

Severity = Literal["error", "warning", "info"]

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where in the data something is; what does not apply is None."""

    time: str | None = None
    """As ``2025-06-01T06:00Z``."""
    level: float | None = None
    """hPa."""
    latitude: float | None = None
    longitude: float | None = None
    """Degrees."""

    def __str__(self) -> str:
        parts = [] if self.time is None else [self.time]
        if self.level is not None:
            parts.append(f"{self.level:g} hPa")
        if self.latitude is not None:
            parts.append(f"latitude {self.latitude:g}")
        if self.longitude is not None:
            parts.append(f"longitude {self.longitude:g}")
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A change of the spec that does away with a finding."""

    label: str
    """What it does, short enough for a button."""
    assignments: tuple[str, ...]
    """As ``--set`` takes them, such as ``data.remedies+={"kind": ...}``."""
    omits: str | None = None
    """The new variable (canonical key) that it takes out of the run; None: none."""

    @classmethod
    def by(cls, label: str, *remedies: Remedy) -> Self:
        """The fix that applies remedies."""
        texts = (remedy.model_dump_json(exclude_none=True) for remedy in remedies)
        return cls(label=label, assignments=tuple(f"data.remedies+={text}" for text in texts))

    @classmethod
    def taking_as(cls, key: str, unit: str) -> Self:
        """The fix that takes the values of a variable as being in `unit`, whatever is said."""
        return cls.by(f"Take the values as {unit}", ConvertUnit(variable=key, from_unit=unit))

    @classmethod
    def using_levels(cls, levels: Sequence[float], label: str = "") -> Self:
        """The fix that uses only these levels (hPa)."""
        kept = [int(level) if level == int(level) else level for level in levels]
        listed = ", ".join(f"{level:g}" for level in levels)
        assignments = (f"data.levels={json.dumps(kept)}",)
        return cls(label=label or f"Use {listed} hPa", assignments=assignments)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"label": self.label, "set": list(self.assignments)}


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
    """File, time or place, in words."""
    location: Location | None = None
    """The same as numbers, for what is at one place of the data."""
    fixes: tuple[Fix, ...] = ()
    """Remedies that can be applied as they are, the best first."""
    picture: Picture | None = field(default=None, compare=False)

    @property
    def remedy_spec(self) -> str | None:
        """The best fix as what follows ``--set``, its assignments apart by a newline."""
        return "\n".join(self.fixes[0].assignments) if self.fixes else None

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain data, for JSON."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "variable": self.variable,
            "where": self.where,
            "location": asdict(self.location) if self.location else None,
            "remedy_spec": self.remedy_spec,
            "fixes": [fix.to_dict() for fix in self.fixes],
            "picture": self.picture.to_dict() if self.picture else None,
        }


def greatest(
    field: NDArray[Any], latitude: NDArray[Any], longitude: NDArray[Any], *, title: str
) -> tuple[Location, Picture]:
    """Where a field (latitude, longitude), not all NaN, is greatest, and a map that marks it."""
    row, column = (int(i) for i in np.unravel_index(np.nanargmax(field), field.shape))
    place = Location(latitude=float(latitude[row]), longitude=float(longitude[column]))
    at = (row, column)
    return place, Picture.map(field, latitude, longitude, title=title, at=at, note="the most")


def not_opened(error: DataError) -> Finding:
    """That data can't be opened at all, with the ways out that the error knows."""
    return Finding(
        severity="error",
        code="not-opened",
        message=error.message,
        remedy=error.remedy,
        fixes=tuple(Fix(label=label, assignments=(text,)) for label, text in error.choices),
    )


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without repetition, errors first, otherwise in the order they were made.

    Of equal ones that with a picture is kept.
    """
    unique: dict[Finding, Finding] = {}
    for finding in findings:
        if finding not in unique or unique[finding].picture is None:
            unique[finding] = finding
    return tuple(sorted(unique.values(), key=lambda finding: _ORDER[finding.severity]))


def launchable(findings: Iterable[Finding]) -> bool:
    """Whether nothing among the findings stands in the way of a launch."""
    return all(finding.severity != "error" for finding in findings)
