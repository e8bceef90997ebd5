"""Remedies of a spec applied to a canonical dataset, lazily, in the order of their kinds.

What changes times, units and single values is done first, on what the files hold; filling comes
last, on what is left after the cuts, so that nothing outside the chosen period and region is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.humidity import specific_humidity
from aurora_dash.data.infill import infill_space, infill_time
from aurora_dash.data.store.store import MARK
from aurora_dash.data.times import format_time
from aurora_dash.data.units import conversion
from aurora_dash.errors import DataError
from aurora_dash.spec import Remedy, VariableSpec
from aurora_dash.spec.remedies import (
    REMEDY_TYPES,
    ClipValues,
    ConvertUnit,
    DropTimes,
    FirstField,
    InfillSpace,
    InfillTime,
    KeepFirst,
    MaskValues,
    OmitVariable,
    RoundCodes,
)
from aurora_dash.variables import Variable, describe, split_key

APPLIED = "remedy-applied"
"""Code of the finding that says what a remedy did."""
IDLE = "remedy-idle"
"""Code of the finding that says that a remedy has nothing to do."""

Units = dict[str, str]
Applied = tuple[xr.Dataset, str]

_SHOWN_TIMES = 3
_ABOUT_UNITS = frozenset({"unit-unknown", "no-unit", "unit-converted"})


def apply_to_source(
    dataset: xr.Dataset, remedies: Sequence[Remedy], new_variables: Sequence[VariableSpec]
) -> tuple[xr.Dataset, list[Finding]]:
    """Everything but infilling, on the dataset as it was opened."""
    units = {f"{v.group.prefix}{v.name}": v.unit for v in new_variables}
    return _apply(dataset, remedies, filling=False, units=units)


def apply_infill(
    dataset: xr.Dataset, remedies: Sequence[Remedy]
) -> tuple[xr.Dataset, list[Finding]]:
    """Infilling, on the dataset as the model is to see it."""
    return _apply(dataset, remedies, filling=True, units={})


def undo(remedies: Sequence[Remedy], remedy: Remedy) -> Fix:
    """The change of the spec that takes a remedy out again."""
    kept = ", ".join(other.model_dump_json() for other in remedies if other != remedy)
    return Fix(label="Undo", assignments=(f"data.remedies=[{kept}]",))


def _apply(
    dataset: xr.Dataset, remedies: Sequence[Remedy], *, filling: bool, units: Units
) -> tuple[xr.Dataset, list[Finding]]:
    findings = []
    for remedy in sorted(remedies, key=lambda remedy: REMEDY_TYPES.index(type(remedy))):
        if isinstance(remedy, InfillTime | InfillSpace) != filling:
            continue
        variable = getattr(remedy, "variable", None)
        if variable is not None and variable not in dataset:
            message = f"data.remedies: {remedy.title}: the data has no {variable}."
            findings.append(_finding(remedy, remedies, message, idle=True))
            continue
        before = dataset
        dataset, message = _ACTIONS[type(remedy)](dataset, remedy, units)
        # What keeps the first of several fields was done on reading them.
        idle = dataset is before and not isinstance(remedy, KeepFirst | FirstField)
        if dataset is not before:
            dataset = _not_as_stored(dataset, variable)
        findings.append(_finding(remedy, remedies, message, idle=idle))
    return dataset, findings


def already_applied(remedies: Sequence[Remedy]) -> list[Finding]:
    """What was done when a training store was written: there is no undoing it here."""
    listed = [f"{r.title} ({', '.join(_details(r))})" if _details(r) else r.title for r in remedies]
    if not listed:
        return []
    message = f"When the store was prepared these remedies were applied: {'; '.join(listed)}."
    return [Finding(severity="info", code="remedies-in-store", message=message)]


def _details(remedy: Remedy) -> list[str]:
    values = remedy.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    return [f"{name} {value}" for name, value in values.items()]


def settled(findings: Iterable[Finding], remedies: Sequence[Remedy]) -> list[Finding]:
    """Findings about data as it was read, those that a remedy of the spec answers as ``info``.

    What they count and show stays to be seen. A unit that was converted from another than the
    file says is told by the remedy alone.
    """
    chosen = {Fix.by("", remedy).assignments for remedy in remedies}
    converted = {r.variable for r in remedies if isinstance(r, ConvertUnit)}
    return [
        replace(finding, severity="info", remedy="", fixes=())
        if any(fix.assignments in chosen for fix in finding.fixes)
        else finding
        for finding in findings
        if not (finding.code in _ABOUT_UNITS and finding.variable in converted)
    ]


def _not_as_stored(dataset: xr.Dataset, key: str | None) -> xr.Dataset:
    """The values of a variable are no longer those that a training store holds for it."""
    if key is None or key not in dataset or MARK not in dataset[key].attrs:
        return dataset
    attributes = {name: v for name, v in dataset[key].attrs.items() if name != MARK}
    plain = dataset[key].copy(deep=False)
    plain.attrs = attributes
    return dataset.assign({key: plain})


def _finding(remedy: Remedy, remedies: Sequence[Remedy], message: str, *, idle: bool) -> Finding:
    return Finding(
        severity="warning" if idle else "info",
        code=IDLE if idle else APPLIED,
        message=message,
        remedy="Take it out of data.remedies." if idle else "",
        variable=getattr(remedy, "variable", None),
        fixes=(undo(remedies, remedy),),
    )


def _keep_first(dataset: xr.Dataset, remedy: KeepFirst, units: Units) -> Applied:
    return dataset, "Of fields of the same time the first was kept."


def _first_field(dataset: xr.Dataset, remedy: FirstField, units: Units) -> Applied:
    return dataset, f"{remedy.variable}: of fields of several times the first was kept."


def _drop_times(dataset: xr.Dataset, remedy: DropTimes, units: Units) -> Applied:
    unwanted = np.array([t.replace(tzinfo=None) for t in remedy.times], "datetime64[ns]")
    listed = ", ".join(format_time(time) for time in unwanted[:_SHOWN_TIMES])
    listed += f" and {unwanted.size - _SHOWN_TIMES} more" * (unwanted.size > _SHOWN_TIMES)
    times = dataset["time"].values if "time" in dataset.dims else np.array([], "datetime64[ns]")
    keep = ~np.isin(times, unwanted)
    if keep.all():
        return dataset, f"None of the times to drop is in the data: {listed}."
    if not keep.any():
        raise DataError(
            f"data.remedies drops all {times.size} times of the data.",
            remedy="Take drop_times out of data.remedies, or name fewer times.",
        )
    message = f"{int((~keep).sum())} of {times.size} times were dropped: {listed}."
    return dataset.isel(time=np.flatnonzero(keep)), message


def _omit(dataset: xr.Dataset, remedy: OmitVariable, units: Units) -> Applied:
    return dataset.drop_vars(remedy.variable), f"{remedy.variable} was left out."


def _convert(dataset: xr.Dataset, remedy: ConvertUnit, units: Units) -> Applied:
    key, source = remedy.variable, remedy.from_unit
    wanted = units.get(key, _describe(key).unit)
    if key == "atmos_q" and source == "%":
        return specific_humidity(dataset), (
            "atmos_q was taken as relative humidity in % and made specific with atmos_t."
        )
    how = conversion(source, wanted)
    if how is None:
        raise DataError(
            f"data.remedies: {key} can't be converted from {source!r} to {wanted!r}.",
            remedy="Name a unit that can, or convert it in the files.",
        )
    old = dataset[key]
    values = (old * how.factor + how.offset).astype(np.float32)
    message = f"{key} was taken as being in {source} and converted to {wanted}."
    return dataset.assign({key: values.assign_attrs({**old.attrs, "units": wanted})}), message


def _mask(dataset: xr.Dataset, remedy: MaskValues, units: Units) -> Applied:
    array = dataset[remedy.variable]
    kept = array
    for limit, keep in ((remedy.low, array.__ge__), (remedy.high, array.__le__)):
        kept = kept if limit is None else kept.where(keep(np.float32(limit)))
    message = f"{remedy.variable}: values {_beyond(remedy)} count as missing."
    return dataset.assign({remedy.variable: kept.assign_attrs(array.attrs)}), message


def _clip(dataset: xr.Dataset, remedy: ClipValues, units: Units) -> Applied:
    array = dataset[remedy.variable]
    low, high = (None if v is None else np.float32(v) for v in (remedy.low, remedy.high))
    clipped = array.clip(low, high).assign_attrs(array.attrs)
    message = f"{remedy.variable}: values {_beyond(remedy)} were brought to the limit."
    return dataset.assign({remedy.variable: clipped}), message


def _beyond(remedy: MaskValues | ClipValues) -> str:
    low = "" if remedy.low is None else f"below {remedy.low:g}"
    high = "" if remedy.high is None else f"above {remedy.high:g}"
    return " and ".join(part for part in (low, high) if part)


def _round(dataset: xr.Dataset, remedy: RoundCodes, units: Units) -> Applied:
    array = dataset[remedy.variable]
    rounded = xr.apply_ufunc(np.rint, array, dask="allowed").assign_attrs(array.attrs)
    message = f"{remedy.variable}: class codes were brought to the nearest whole number."
    return dataset.assign({remedy.variable: rounded}), message


def _fill_time(dataset: xr.Dataset, remedy: InfillTime, units: Units) -> Applied:
    key = remedy.variable
    variable = _describe(key)
    if "time" not in dataset[key].dims or variable.categorical:
        raise DataError(
            f"data.remedies: {key} can't be interpolated in time: it "
            + ("holds classes." if variable.categorical else "has no times."),
            remedy="Use infill_space for it.",
        )
    filled = infill_time(dataset, key, max_hours=remedy.max_hours, circular=variable.circular)
    return filled, (
        f"{key}: missing values were interpolated in time between values at most "
        f"{remedy.max_hours} h away."
    )


def _fill_space(dataset: xr.Dataset, remedy: InfillSpace, units: Units) -> Applied:
    key = remedy.variable
    variable = _describe(key)
    filled = infill_space(
        dataset, key, categorical=variable.categorical, circular=variable.circular
    )
    how = "taken from the nearest known point" if variable.categorical else "interpolated in space"
    return filled, f"{key}: missing values were {how}."


def _describe(key: str) -> Variable:
    group, name = split_key(key)
    return describe(name, group)


_ACTIONS: dict[type, Callable[[xr.Dataset, Any, Units], Applied]] = {
    KeepFirst: _keep_first,
    FirstField: _first_field,
    DropTimes: _drop_times,
    OmitVariable: _omit,
    ConvertUnit: _convert,
    MaskValues: _mask,
    ClipValues: _clip,
    RoundCodes: _round,
    InfillTime: _fill_time,
    InfillSpace: _fill_space,
}
