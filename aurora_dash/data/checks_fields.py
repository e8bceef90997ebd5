"""What the values tell: missing ones, and those that can't be.

Every needed field is read once, a bounded part at a time; of very large data a sample of the
times, evenly spread, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.findings import Finding, Severity
from aurora_dash.data.reading import Values, read_values, time_blocks
from aurora_dash.data.times import format_time
from aurora_dash.data.transforms import NEGATIVE_SLACK
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, Variable, describe
from aurora_dash.variants import Variant

DEFAULT_BUDGET_BYTES = 2 * 2**30

_FILL = (
    "One missing value makes the whole forecast missing: choose a data.region or a period without "
    "them, leave the variable out, or fill them before."
)


def field_findings(
    dataset: xr.Dataset, spec: RunSpec, *, budget_bytes: int | None = DEFAULT_BUDGET_BYTES
) -> Iterator[Finding]:
    """Missing, impossible and constant values of the variables that the run uses."""
    keys = _used_keys(dataset, spec)
    indices = _sampled_times(dataset, keys, budget_bytes)
    num_times = dataset.sizes.get("time", 0)
    if indices.size < num_times:
        yield Finding(
            severity="info",
            code="sampled-check",
            message=f"The values of {indices.size} of {num_times} times, evenly spread, were "
            "checked; all are too many to read beforehand.",
        )
    for key, variable in keys.items():
        try:
            scan = _scan(dataset[key], variable, indices)
        except DataError as error:
            yield unreadable(error, key)
            continue
        yield from _missing_values(key, scan, spec)
        yield from _impossible_values(key, variable, scan)
        yield from _negative_values(key, scan, spec)


def unreadable(error: DataError, key: str | None = None) -> Finding:
    """A file that opened but whose fields can't be decoded."""
    return Finding(
        severity="error",
        code="unreadable",
        message=error.message,
        remedy=error.remedy,
        variable=key,
    )


def may_be_missing(name: str, variant: Variant) -> bool:
    """Whether the model takes NaN in this surface variable: absent waves, given as density 0."""
    weather = ("2t", "10u", "10v", "msl")
    return variant.class_name == "AuroraWave" and name in variant.surface and name not in weather


@dataclass
class _Scan:
    """What one pass over a variable found."""

    num_values: int = 0
    num_missing: int = 0
    num_times_missing: int = 0
    first_missing: str = ""
    num_outside: int = 0
    worst: float = 0.0
    worst_at: str = ""
    low: float = np.inf
    high: float = -np.inf
    bounds: tuple[float, float] = field(default=(-np.inf, np.inf))


def _used_keys(dataset: xr.Dataset, spec: RunSpec) -> dict[str, Variable]:
    named = ((group, name) for group in Group for name in spec.names(group))
    variables = (describe(name, group) for group, name in named)
    return {variable.key: variable for variable in variables if variable.key in dataset}


def _sampled_times(
    dataset: xr.Dataset, keys: dict[str, Variable], budget_bytes: int | None
) -> NDArray[np.intp]:
    num_times = dataset.sizes.get("time", 0)
    everything = np.arange(num_times)
    total = sum(dataset[key].nbytes for key in keys)
    if budget_bytes is None or total <= budget_bytes or num_times == 0:
        return everything
    num = max(1, int(num_times * budget_bytes / total))
    return np.unique(np.linspace(0, num_times - 1, num).round().astype(np.intp))


def _scan(array: xr.DataArray, variable: Variable, indices: NDArray[np.intp]) -> _Scan:
    low, high = variable.bounds
    scan = _Scan(bounds=(-np.inf if low is None else low, np.inf if high is None else high))
    if "time" not in array.dims:
        _look(scan, read_values(array), "", array)
        return scan
    for chosen, values in time_blocks(array, indices):
        for index, fields in zip(chosen, values, strict=True):
            _look(scan, fields, format_time(array["time"].values[index]), array)
    return scan


def _look(scan: _Scan, values: Values, when: str, array: xr.DataArray) -> None:
    finite = np.isfinite(values)
    scan.num_values += values.size
    num_missing = values.size - int(finite.sum())
    if num_missing:
        scan.num_missing += num_missing
        scan.num_times_missing += 1
        scan.first_missing = scan.first_missing or _place(array, ~finite, when)
    if num_missing == values.size:
        return
    low, high = (
        float(values.min(where=finite, initial=np.inf)),
        float(values.max(where=finite, initial=-np.inf)),
    )
    scan.low, scan.high = min(scan.low, low), max(scan.high, high)
    # Packing in the file shifts values a little beyond a bound such as zero.
    slack = 1e-3 * (scan.high - scan.low)
    lower, upper = scan.bounds[0] - slack, scan.bounds[1] + slack
    if low >= lower and high <= upper:
        return
    outside = finite & ((values < lower) | (values > upper))
    scan.num_outside += int(outside.sum())
    if not scan.worst_at:
        scan.worst = low if low < lower else high
        scan.worst_at = _place(array, values == np.float32(scan.worst), when)


def _place(array: xr.DataArray, mask: NDArray[np.bool_], when: str) -> str:
    """Time, level and position of the first True of a mask over all but the time."""
    dims = [dim for dim in array.dims if dim != "time"]
    position = np.argwhere(mask)[0]
    at = {dim: array[dim].values[i] for dim, i in zip(dims, position, strict=True)}
    level = f"{at['level']:g} hPa, " if "level" in at else ""
    place = f"{level}latitude {at['latitude']:g}, longitude {at['longitude']:g}"
    return f"{when}, {place}" if when else place


def _missing_values(key: str, scan: _Scan, spec: RunSpec) -> Iterator[Finding]:
    if not scan.num_missing:
        return
    name, variant = key.removeprefix(Group.SURFACE.prefix), spec.model.catalogue_entry
    severity: Severity = "error"
    remedy = _FILL
    if may_be_missing(name, variant):
        severity, remedy = "info", "The model takes them as places without waves."
    elif key.partition("_")[2] in spec.output_only and not key.startswith(Group.STATIC.prefix):
        severity, remedy = "warning", "They are left out of the loss and of the scores."
    share = 100 * scan.num_missing / scan.num_values
    times = f" in {scan.num_times_missing} times" if not key.startswith(Group.STATIC.prefix) else ""
    yield Finding(
        severity=severity,
        code="missing-values",
        message=f"{key} has {scan.num_missing} missing values (NaN or infinite, {share:.2g} %)"
        f"{times}, first at {scan.first_missing}.",
        remedy=remedy,
        variable=key,
        where=scan.first_missing,
    )


def _negative_values(key: str, scan: _Scan, spec: RunSpec) -> Iterator[Finding]:
    """Values below zero of a variable that is transformed as if it had none."""
    variable = next((v for v in spec.variables if f"{v.group.prefix}{v.name}" == key), None)
    if variable is None or variable.transform == "none" or not scan.low < 0:
        return
    small = -scan.low <= NEGATIVE_SLACK * max(scan.high, 0.0)
    yield Finding(
        severity="warning" if small else "error",
        code="negative-values",
        message=f"{key} has values down to {scan.low:.6g}, and the transform "
        f"{variable.transform!r} takes none below zero"
        + (": they count as zero, being small as packing in files leaves them." if small else "."),
        remedy="" if small else "Register it without a transform, or correct the data.",
        variable=key,
    )


def _impossible_values(key: str, variable: Variable, scan: _Scan) -> Iterator[Finding]:
    if scan.num_outside:
        low, high = scan.bounds
        yield Finding(
            severity="warning",
            code="out-of-bounds",
            message=f"{key} has {scan.num_outside} values outside what is possible "
            f"({low:g} to {high:g} {variable.unit}), such as {scan.worst:.6g} at {scan.worst_at}.",
            remedy="Check its unit and whether the file is damaged.",
            variable=key,
            where=scan.worst_at,
        )
    if scan.low == scan.high and variable.group is not Group.STATIC:
        yield Finding(
            severity="warning",
            code="constant",
            message=f"{key} is {scan.low:g} everywhere and always.",
            remedy="Check whether the file is complete.",
            variable=key,
        )
