"""From the variables of one file to fields under canonical names, in canonical units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from aurora_dash.data.accumulated import accumulation_findings, is_accumulated
from aurora_dash.data.axes import standard_grid, standard_level
from aurora_dash.data.findings import Finding, Fix, Severity
from aurora_dash.data.meaning import Aliases, meanings_of
from aurora_dash.data.members import MEMBER_NAMES, one_member
from aurora_dash.data.places import Place
from aurora_dash.data.readers import RawPart
from aurora_dash.data.times import standard_time
from aurora_dash.data.units import conversion, normalise_unit
from aurora_dash.errors import DataError
from aurora_dash.variables import Group, Variable, recognise

_DIMS = {
    Group.SURFACE: ("time", "latitude", "longitude"),
    Group.STATIC: ("latitude", "longitude"),
    Group.ATMOSPHERIC: ("time", "level", "latitude", "longitude"),
}

# What xarray raises where an axis can't be given its name or its values.
_CONTRADICTION = (ValueError, KeyError, TypeError, IndexError, OverflowError)
_PRELIMINARY = frozenset({"0005", "5"})


@dataclass(frozen=True, kw_only=True)
class Field:
    """One variable of one file, in canonical form; its values are still in the file."""

    key: str
    array: xr.DataArray
    """Dimensions as in a canonical dataset."""
    path: Place
    last: xr.DataArray | None = None
    """Of a static variable that the file repeats in time: the field at the last time."""
    is_sum: bool = False
    """Summed up over a span of time."""
    was_turned: bool = False
    """The file has its dimensions in another order."""


def fields_of(
    part: RawPart, aliases: Aliases, member: int | None = None
) -> tuple[list[Field], list[Finding]]:
    """The recognised variables of one hypercube, and what was done or could not be used.

    Of an ensemble `member` is taken, None for the first.
    """
    label = part.path.name
    dataset, findings = one_member(part.dataset, member, label)
    dataset, notes = _without_bookkeeping(dataset, label)
    findings = [*findings, *notes]
    for standardise in (standard_time, standard_level, standard_grid):
        try:
            dataset, notes = standardise(dataset, label)
        except _CONTRADICTION as error:
            raise DataError(
                f"{label}: its dimensions and coordinates contradict each other ({error}).",
                remedy="Check the names of its axes with ncdump -h, and rename those that are "
                "taken for another.",
            ) from error
        findings = [*findings, *notes]
    fields: list[Field] = []
    for name, variables in meanings_of(dataset, aliases).items():
        found, notes = _recognised(dataset[name], name, part.path, variables)
        fields.extend(found)
        findings.extend(notes)
    sums = [str(f.array.attrs["source_name"]) for f in fields if f.is_sum]
    findings.extend(accumulation_findings(part.dataset, sums, label, str(part.path)))
    return fields, findings


def _without_bookkeeping(dataset: xr.Dataset, label: str) -> tuple[xr.Dataset, list[Finding]]:
    """Drop ensemble number, experiment version and the like where they are no dimension."""
    findings = []
    if "expver" in dataset.variables and "expver" not in dataset.dims:
        versions = {str(v).strip() for v in np.unique(dataset["expver"].values)}
        if versions & _PRELIMINARY:
            findings.append(
                Finding(
                    severity="warning",
                    code="preliminary-data",
                    message=f"{label} holds preliminary ERA5T data (expver "
                    f"{', '.join(sorted(versions))}); the final ERA5 may differ.",
                    remedy="Fetch it again about three months after its date.",
                    where=label,
                )
            )
    dataset = dataset.squeeze("expver") if dataset.sizes.get("expver") == 1 else dataset
    dropped = [name for name in (*MEMBER_NAMES, "expver") if _is_droppable(dataset, name)]
    if dropped:
        message = f"{label}: dropped {' and '.join(dropped)}, which the fields don't depend on."
        findings.append(
            Finding(severity="info", code="coordinates-dropped", message=message, where=label)
        )
    return dataset.drop_vars(dropped), findings


def _is_droppable(dataset: xr.Dataset, name: str) -> bool:
    return name in dataset.variables and name not in dataset.dims


def _recognised(
    array: xr.DataArray, name: str, path: Place, variables: tuple[Variable, ...]
) -> tuple[list[Field], list[Finding]]:
    problem = _why_unusable(array, name, variables)
    if problem is not None:
        severity, code, why = problem
        remedy = "Register it as a new variable if the model is to use it."
        return [], [
            Finding(
                severity=severity,
                code=code,
                message=f"{path.name}: {name} {why}; it was not used.",
                remedy=remedy if code == "unrecognised" else "",
                variable=name,
                where=str(path),
            )
        ]
    fields, findings = [], []
    for variable in variables:
        field, notes = _field(array, variable, path)
        fields.append(field)
        findings.extend(notes)
    return fields, findings


def _why_unusable(
    array: xr.DataArray, name: str, variables: tuple[Variable, ...]
) -> tuple[Severity, str, str] | None:
    """Severity, code and reason, or None if the variable can be used."""
    if array.dtype.kind not in "fiu" or not {"latitude", "longitude"} <= set(array.dims):
        return "info", "not-a-field", f"is no field of numbers ({array.dtype}, {_sizes(array)})"
    extra = [d for d in array.dims if d not in ("time", "level", "latitude", "longitude")]
    if any(array.sizes[d] > 1 for d in extra):
        return "warning", "extra-dimension", f"has a further dimension ({_sizes(array)})"
    if not variables:
        other = recognise(name, has_levels="level" not in array.dims)
        if other is not None:
            lacks = "no pressure levels" if other.group is Group.ATMOSPHERIC else "pressure levels"
            return (
                "warning",
                "wrong-levels",
                f"is known as {other.long_name}, but here it has {lacks}",
            )
        unit = array.attrs.get("units", "no unit")
        return (
            "info",
            "unrecognised",
            f"({array.attrs.get('long_name', 'no long name')}, {unit}) is not known",
        )
    if "time" not in array.dims and all(v.group is not Group.STATIC for v in variables):
        return "warning", "no-time", "has no time"
    return None


def _sizes(array: xr.DataArray) -> str:
    return " x ".join(f"{dim} {size}" for dim, size in array.sizes.items()) or "a single value"


def _field(array: xr.DataArray, variable: Variable, path: Place) -> tuple[Field, list[Finding]]:
    converted, findings = _in_units(array, variable, path)
    extra = [d for d in array.dims if d not in ("time", "level", "latitude", "longitude")]
    plain = converted.squeeze(extra, drop=True) if extra else converted
    keep = set(_DIMS[variable.group]) | {"time"}
    plain = plain.drop_vars([c for c in plain.coords if c not in keep])
    last = None
    if variable.group is Group.STATIC and "time" in plain.dims:
        if plain.sizes["time"] > 1:
            last = _finished(plain.isel(time=-1, drop=True), array, variable, path)
        plain = plain.isel(time=0, drop=True)
    finished = _finished(plain, array, variable, path)
    order = [dim for dim in _DIMS[Group.ATMOSPHERIC] if dim in array.dims]
    field = Field(
        key=variable.key,
        array=finished,
        path=path,
        last=last,
        is_sum=is_accumulated(array, variable.name),
        was_turned=[dim for dim in array.dims if dim in order] != order,
    )
    return field, findings


def _finished(
    array: xr.DataArray, original: xr.DataArray, variable: Variable, path: Place
) -> xr.DataArray:
    """Canonical dimensions, single precision and only the attributes that say what it is."""
    result = array.transpose(*_DIMS[variable.group]).astype(np.float32)
    name = str(original.name)
    known = variable.unit != "?"
    result.attrs = {
        "units": array.attrs.get("units", variable.unit),
        "long_name": variable.long_name if known else original.attrs.get("long_name", name),
        "source_name": name,
        "source": str(path),
    }
    result.encoding = {}
    return result.rename(variable.key)


def _in_units(
    array: xr.DataArray, variable: Variable, path: Place
) -> tuple[xr.DataArray, list[Finding]]:
    found = str(array.attrs.get("units", "")).strip()
    if variable.unit in ("?", "class") or variable.categorical:
        return array.assign_attrs(units=variable.unit if variable.unit != "?" else found), []
    if not found and variable.unit != "1":
        message = f"{path.name}: {array.name} has no unit; {variable.unit} was assumed."
        note = _note("no-unit", message, path, variable, severity="warning")
        return array.assign_attrs(units=variable.unit), [note]
    how = conversion(found, variable.unit)
    if how is None:
        message = (
            f"{path.name}: {array.name} is in {found!r}, but {variable.long_name} is expected in "
            f"{variable.unit}; its values were left as they are."
        )
        note = _note("unit-unknown", message, path, variable, severity="warning")
        return array.assign_attrs(units=normalise_unit(found)), [note]
    if how.is_identity:
        return array.assign_attrs(units=variable.unit), []
    message = f"{path.name}: {array.name} was converted from {found} to {variable.unit}."
    converted = array * how.factor + how.offset
    note = _note("unit-converted", message, path, variable)
    return converted.assign_attrs(units=variable.unit), [note]


def _note(
    code: str, message: str, path: Place, variable: Variable, *, severity: Severity = "info"
) -> Finding:
    """About the unit of a variable; what is worth a warning can be settled by saying the unit."""
    return Finding(
        severity=severity,
        code=code,
        message=message,
        variable=variable.key,
        where=str(path),
        fixes=() if severity == "info" else (Fix.taking_as(variable.key, variable.unit),),
    )


def recognition_findings(path: Place, fields: list[Field]) -> list[Finding]:
    """What the variables of one file were taken for, in one finding each for all of them."""
    named = [
        f"{field.array.attrs['source_name']} -> {field.key}"
        for field in fields
        if field.array.attrs["source_name"] != field.key
    ]
    turned = [field.array.attrs["source_name"] for field in fields if field.was_turned]
    repeated = [field.array.attrs["source_name"] for field in fields if field.last is not None]
    findings = []
    if named:
        message = f"{path.name}: recognised {', '.join(named)}."
        findings.append(Finding(severity="info", code="renamed", message=message, where=str(path)))
    if turned:
        message = f"{path.name}: {', '.join(turned)} were put in the order time, level, latitude, "
        message += "longitude of their dimensions."
        findings.append(
            Finding(severity="info", code="dimensions-reordered", message=message, where=str(path))
        )
    if repeated:
        message = f"{path.name}: {', '.join(repeated)} repeat in time; the first time was taken."
        findings.append(
            Finding(severity="info", code="static-first-time", message=message, where=str(path))
        )
    return findings
