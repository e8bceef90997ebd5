"""What the values tell: missing ones, those that can't be, and those unlike what they are called.

Every needed field is read once, a bounded part at a time; of very large data a sample of the
times, evenly spread, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.checks_axes import unit_findings
from aurora_dash.data.checks_missing import missing_findings, removal
from aurora_dash.data.checks_outliers import outlier_findings
from aurora_dash.data.checks_reference import histogram_of, reference_findings
from aurora_dash.data.checks_repeats import repeat_findings
from aurora_dash.data.checks_statistics import statistics_findings
from aurora_dash.data.checks_values import value_findings
from aurora_dash.data.findings import Finding
from aurora_dash.data.scan import Scan, Transform, scan_variable
from aurora_dash.data.transforms import transformed
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, Variable, describe

DEFAULT_BUDGET_BYTES = 2 * 2**30


def field_findings(
    dataset: xr.Dataset, spec: RunSpec, *, budget_bytes: int | None = DEFAULT_BUDGET_BYTES
) -> Iterator[Finding]:
    """All that the values of the variables that the run uses tell."""
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
    foreign = {finding.variable: finding for finding in unit_findings(dataset, spec)}
    scans: dict[str, Scan] = {}
    for key, variable in keys.items():
        try:
            scan = scan_variable(dataset[key], variable, indices, _transform(key, spec))
        except DataError as error:
            omitted = removal(key, spec)
            yield replace(unreadable(error, key), fixes=(omitted,) if omitted else ())
            continue
        scans[key] = scan
        yield from missing_findings(scan, spec)
        about_units = list(reference_findings(scan, spec))
        yield from about_units
        yield from value_findings(scan, spec, unit_is_wrong=bool(about_units))
        yield from outlier_findings(scan)
        if key in foreign:
            yield replace(foreign[key], picture=histogram_of(scan, spec))
    yield from statistics_findings(
        {key: scan.moments() for key, scan in scans.items()},
        spec,
        samples={key: scan.samples_by_name() for key, scan in scans.items()},
    )
    yield from repeat_findings(dataset, scans, spec)


def unreadable(error: DataError, key: str | None = None) -> Finding:
    """A file that opened but whose fields can't be decoded."""
    return Finding(
        severity="error",
        code="unreadable",
        message=error.message,
        remedy=error.remedy,
        variable=key,
    )


def _transform(key: str, spec: RunSpec) -> Transform | None:
    for variable in spec.variables:
        if f"{variable.group.prefix}{variable.name}" == key and variable.transform != "none":
            return partial(transformed, variable=variable)
    return None


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
