"""Missing values: how they are distributed, and what suits that."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aurora_dash.data.findings import Finding, Fix, Severity
from aurora_dash.data.pictures import Picture
from aurora_dash.data.scan import Scan
from aurora_dash.data.times import format_time, utc_datetimes
from aurora_dash.spec import RunSpec
from aurora_dash.spec.remedies import DropTimes, InfillSpace, InfillTime, OmitVariable
from aurora_dash.variables import split_key
from aurora_dash.variants import Variant

_NEEDED = (
    "One missing value makes the whole forecast missing: fill them in, choose a data.region or a "
    "period without them, leave out their times or levels, or give other files."
)
# Beyond this share of the times dropping them is no remedy.
_MOST_DROPPED = 0.25
# A region that loses more of the points than this is another region.
_MOST_CROPPED = 0.5


def missing_findings(scan: Scan, spec: RunSpec) -> Iterator[Finding]:
    """Values that are missing, and how many a remedy filled in."""
    if scan.filled.any():
        yield _infilled(scan)
    num_missing = int(scan.missing.sum())
    if not num_missing:
        return
    severity, remedy = _weight(scan, spec)
    share = 100 * num_missing / scan.num_values
    by_time = scan.missing.sum(axis=1)
    times = _in_times(scan, by_time)
    yield Finding(
        severity=severity,
        code="missing-values",
        message=f"{scan.key} has {num_missing} missing values (NaN or infinite, {share:.2g} %)"
        f"{times}, first at {scan.first_missing}{_pattern(scan)}.",
        remedy=remedy,
        variable=scan.key,
        where=str(scan.first_missing),
        location=scan.first_missing,
        fixes=() if severity == "info" else tuple(_fixes(scan, spec)),
        picture=_picture(scan),
    )


def may_be_missing(name: str, variant: Variant) -> bool:
    """Whether the model takes NaN in this surface variable: absent waves, given as density 0."""
    weather = ("2t", "10u", "10v", "msl")
    return variant.class_name == "AuroraWave" and name in variant.surface and name not in weather


def is_only_predicted(scan: Scan, spec: RunSpec) -> bool:
    """Whether the variable is a target and never an input."""
    return not scan.is_static and scan.variable.name in spec.output_only


def removal(key: str, spec: RunSpec) -> Fix | None:
    """Taking a new variable out of the run; None for one of the model's own."""
    kept = [v for v in spec.variables if f"{v.group.prefix}{v.name}" != key]
    if len(kept) == len(spec.variables):
        return None
    listed = json.dumps([v.model_dump(mode="json", exclude_defaults=True) for v in kept])
    name = split_key(key)[1]
    targets = [other for other in spec.loss.targets if other != name]
    weights = {other: weight for other, weight in spec.loss.weights.items() if other != name}
    assignments = [f"variables={listed}"]
    # A loss that still named it would be refused.
    if len(targets) < len(spec.loss.targets):
        assignments.append(f"loss.targets={json.dumps(targets)}")
    if len(weights) < len(spec.loss.weights):
        assignments.append(f"loss.weights={json.dumps(weights)}")
    return Fix(label="Omit the variable", assignments=tuple(assignments), omits=key)


def dropping(scan: Scan, positions: NDArray[np.intp]) -> Fix | None:
    """Leaving out scanned times; None if they are too many, or not all times were scanned."""
    if scan.indices.size < scan.array.sizes["time"] or not positions.size:
        return None
    if positions.size > _MOST_DROPPED * scan.indices.size:
        return None
    label = "Drop that time" if positions.size == 1 else f"Drop these {positions.size} times"
    return Fix.by(label, DropTimes(times=utc_datetimes(scan.times[positions])))


def _infilled(scan: Scan) -> Finding:
    times = _in_times(scan, scan.filled)
    unless = "" if scan.is_static else " As targets they are left out of the loss and the scores."
    return Finding(
        severity="info",
        code="infilled",
        message=f"{scan.key}: {int(scan.filled.sum())} missing values{times} were filled in, "
        f"{int(scan.missing.sum())} are missing still.{unless}",
        variable=scan.key,
        picture=None if scan.is_static else _by_time(scan, scan.filled, "Values filled in"),
    )


def _in_times(scan: Scan, counts: NDArray[np.int64]) -> str:
    num = int(np.count_nonzero(counts))
    return "" if scan.is_static else f" in {num} time{'s' * (num != 1)}"


def _weight(scan: Scan, spec: RunSpec) -> tuple[Severity, str]:
    if may_be_missing(scan.variable.name, spec.model.catalogue_entry):
        return "info", "The model takes them as places without waves."
    if is_only_predicted(scan, spec):
        return "warning", "They are left out of the loss and of the scores."
    return "error", _NEEDED


def _pattern(scan: Scan) -> str:
    """How they are distributed, in words; nothing if in no special way."""
    whole = _missing_levels(scan)
    if whole:
        return f"; all of it is missing on {_listed(whole)} hPa"
    if scan.is_static:
        return ""
    if not _some_of_a_field(scan):
        return "; whole fields are missing"
    always = int(np.count_nonzero(scan.missing_map == scan.missing.size))
    if always * scan.missing.size == scan.missing.sum():
        return f"; {always} points are always missing"
    return ""


def _fixes(scan: Scan, spec: RunSpec) -> Iterator[Fix]:
    """What suits the distribution, the best first."""
    whole = _missing_levels(scan)
    if whole:
        kept = [level for level in scan.levels if level not in whole]
        listed = json.dumps([int(k) if k == int(k) else k for k in kept if k is not None])
        label = f"Leave out {_listed(whole)} hPa"
        yield Fix(label=label, assignments=(f"data.levels={listed}",))
        return
    cropped = _crop(scan)
    if cropped:
        yield cropped
    if not scan.is_static and _has_neighbours_in_time(scan):
        yield Fix.by("Infill in time", InfillTime(variable=scan.key))
    if _some_of_a_field(scan):
        yield Fix.by("Infill in space", InfillSpace(variable=scan.key))
    if not scan.is_static:
        dropped = dropping(scan, np.flatnonzero(scan.missing.sum(axis=1)))
        if dropped:
            yield dropped
    omitted = removal(scan.key, spec)
    if omitted:
        yield omitted
    elif is_only_predicted(scan, spec) and scan.variable.name not in spec.loss.targets:
        yield Fix.by("Omit the variable", OmitVariable(variable=scan.key))


def _missing_levels(scan: Scan) -> list[float]:
    """Levels on which there is nothing, if there is something on others."""
    nothing = (scan.missing == scan.field_size).all(axis=0)
    if nothing.all():
        return []
    return [v for v, gone in zip(scan.levels, nothing, strict=True) if gone and v is not None]


def _some_of_a_field(scan: Scan) -> bool:
    return bool(np.any((scan.missing > 0) & (scan.missing < scan.field_size)))


def _has_neighbours_in_time(scan: Scan) -> bool:
    """Whether something is missing between times at which it is not."""
    if scan.variable.categorical or scan.missing.shape[0] < 3:
        return False
    inner = scan.missing[1:-1].any()
    return bool(inner) and bool(np.any((scan.missing_map > 0) & (scan.missing_map < _all(scan))))


def _all(scan: Scan) -> int:
    return int(scan.missing.size)


def _crop(scan: Scan) -> Fix | None:
    """The region without missing values, if they are whole rows or columns at its edges."""
    gone = scan.missing_map > 0
    rows, columns = (_inner(np.asarray(gone.all(axis=axis))) for axis in (1, 0))
    if rows == slice(0, gone.shape[0]) and columns == slice(0, gone.shape[1]):
        return None
    left = gone[rows, columns]
    if left.any() or left.size < _MOST_CROPPED * gone.size:
        return None
    latitude = scan.array["latitude"].values[rows]
    longitude = scan.array["longitude"].values[columns]
    box = {
        "north": float(latitude[0]),
        "south": float(latitude[-1]),
        "west": float(longitude[0]),
        "east": float(longitude[-1]),
    }
    return Fix(label="Crop to where it is known", assignments=(f"data.region={json.dumps(box)}",))


def _inner(gone: NDArray[np.bool_]) -> slice:
    there = np.flatnonzero(~gone)
    return slice(int(there[0]), int(there[-1]) + 1) if there.size else slice(0, gone.size)


def _picture(scan: Scan) -> Picture:
    by_time = scan.missing.sum(axis=1)
    if scan.is_static or np.all(by_time == by_time[0]):
        share = 100 * scan.missing_map / scan.missing.size
        axes = scan.array["latitude"].values, scan.array["longitude"].values
        return Picture.map(share, *axes, title="Missing (% of fields)")
    return _by_time(scan, by_time, "Missing values")


def _by_time(scan: Scan, counts: NDArray[np.int64], what: str) -> Picture:
    share = 100 * counts / (scan.field_size * scan.missing.shape[1])
    first, last = (format_time(scan.times[i]) for i in (0, -1))
    return Picture.bars(share, title=f"{what} (%) by time", first=first, last=last)


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
