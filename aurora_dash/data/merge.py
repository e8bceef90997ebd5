"""Fields of many files into one dataset: the same grid, the same times, the same levels.

Nothing is stacked that does not belong together: other grids are refused, and times or levels
that only some variables have are left out and reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import xarray as xr

from aurora_dash.data.axes import describe_grid
from aurora_dash.data.fields import Field
from aurora_dash.data.findings import Finding, Location, greatest
from aurora_dash.data.pictures import Picture
from aurora_dash.data.reading import read_values
from aurora_dash.data.times import Times, format_time, keeping_first, repeated_times_finding
from aurora_dash.errors import DataError
from aurora_dash.variables import Group, split_key


def merge_fields(
    fields: Sequence[Field], needed: Collection[str] | None
) -> tuple[xr.Dataset, list[Finding]]:
    """One canonical dataset of all `fields`.

    The times and levels kept are those that all variables have; with `needed` (canonical keys)
    only these decide, and another variable that lacks some of them is left out. `DataError` names
    the files whose grids or times don't fit each other.
    """
    _require_one_grid(fields)
    findings: list[Finding] = []
    arrays: dict[str, xr.DataArray] = {}
    for key in dict.fromkeys(field.key for field in fields):
        same = [field for field in fields if field.key == key]
        arrays[key], notes = _combine(key, same)
        findings.extend(notes)
    deciding = [key for key in arrays if needed is None or key in needed] or list(arrays)
    for dim in ("time", "level"):
        arrays, notes = _align(arrays, deciding, dim)
        findings.extend(notes)
    dataset = xr.Dataset(arrays)
    dims = [d for d in ("time", "level", "latitude", "longitude") if d in dataset.dims]
    return dataset.transpose(*dims), findings


def _require_one_grid(fields: Iterable[Field]) -> None:
    grids: dict[tuple[bytes, bytes], Field] = {}
    for field in fields:
        axes = (field.array["latitude"].values, field.array["longitude"].values)
        grids.setdefault((axes[0].tobytes(), axes[1].tobytes()), field)
    if len(grids) < 2:
        return
    described = "; ".join(
        f"{field.path.name} has "
        + describe_grid(field.array["latitude"].values, field.array["longitude"].values)
        for field in grids.values()
    )
    raise DataError(
        f"The files are on {len(grids)} different grids and can't be used together: {described}.",
        remedy="Give files of one grid and one area, or regrid one of them first, for example "
        "with cdo remapbil.",
    )


def _combine(key: str, fields: list[Field]) -> tuple[xr.DataArray, list[Finding]]:
    """One variable of one or several files."""
    if len(fields) == 1 or split_key(key)[0] is Group.STATIC:
        return fields[0].array, []
    if "level" not in fields[0].array.dims:
        return _join_times(key, fields)
    by_levels: dict[tuple[float, ...], list[Field]] = {}
    for field in fields:
        by_levels.setdefault(tuple(field.array["level"].values.tolist()), []).append(field)
    findings: list[Finding] = []
    stacks: list[Field] = []
    for same in by_levels.values():
        array, notes = _join_times(key, same)
        stacks.append(Field(key=key, array=array, path=same[0].path))
        findings.extend(notes)
    joined, notes = _join_levels(key, stacks)
    return joined, [*findings, *notes]


def _join_levels(key: str, stacks: list[Field]) -> tuple[xr.DataArray, list[Finding]]:
    if len(stacks) == 1:
        return stacks[0].array, []
    sets = [set(stack.array["level"].values.tolist()) for stack in stacks]
    if all(a.isdisjoint(b) for a, b in combinations(sets, 2)):
        aligned, notes = _align({str(i): s.array for i, s in enumerate(stacks)}, None, "time")
        return xr.concat(list(aligned.values()), "level", join="exact"), [
            _about(note, key) for note in notes
        ]
    common = set.intersection(*sets)
    if not common:
        names = ", ".join(dict.fromkeys(stack.path.name for stack in stacks))
        raise DataError(
            f"{key}: the files {names} have neither the same levels nor separate ones.",
            remedy="Download all times with the same pressure levels.",
        )
    left_out = sorted(set.union(*sets) - common, reverse=True)
    reduced = [
        Field(key=key, array=s.array.isel(level=s.array["level"].isin(list(common))), path=s.path)
        for s in stacks
    ]
    order = reduced[0].array["level"].values
    reduced = [Field(key=key, array=s.array.sel(level=order), path=s.path) for s in reduced]
    array, notes = _join_times(key, reduced)
    message = f"{key}: levels {_listed(left_out)} hPa are not in all files and were left out."
    return array, [
        *notes,
        Finding(
            severity="warning",
            code="levels-left-out",
            message=message,
            remedy="Give files with the same levels if these are to be used.",
            variable=key,
            where=f"{_listed(left_out)} hPa",
        ),
    ]


def _join_times(key: str, fields: list[Field]) -> tuple[xr.DataArray, list[Finding]]:
    """Concatenate in time; a time that is in two files must hold the same field."""
    if len(fields) == 1:
        return fields[0].array, []
    kept: list[xr.DataArray] = []
    seen: dict[np.datetime64, Field] = {}
    repeated: list[np.datetime64] = []
    findings: list[Finding] = []
    for field in fields:
        times = field.array["time"].values
        again = [t for t in times if t in seen]
        if again:
            differing = _differing(key, seen[again[0]], field, np.array(again))
            findings.extend(differing)
            repeated += [] if differing else again
        new = ~np.isin(times, again)
        kept.append(field.array.isel(time=np.flatnonzero(new)))
        seen.update(dict.fromkeys(times[new], field))
    joined = xr.concat(
        [k for k in kept if k.sizes["time"]], "time", join="exact", combine_attrs="override"
    )
    times = joined["time"].values
    if np.any(np.diff(times) < np.timedelta64(0)):
        joined = joined.isel(time=np.argsort(times))
    if not repeated:
        return joined, findings
    message = f"{key}: {len(repeated)} times are in more than one file; each was taken once."
    when = format_time(min(repeated))
    return joined, [
        *findings,
        Finding(
            severity="warning",
            code="times-repeated",
            message=message,
            remedy="Nothing has to be done: the fields are the same.",
            variable=key,
            where=when,
            location=Location(time=when),
            fixes=(keeping_first(),),
        ),
    ]


def _differing(key: str, first: Field, second: Field, times: Times) -> list[Finding]:
    """That two files disagree about times they share; the first field of each is compared."""
    time = times[0]
    a = read_values(first.array.sel(time=time))
    b = read_values(second.array.sel(time=time))
    tolerance = 1e-3 * (np.nanstd(a) + 1e-12)
    differences = np.abs(a - b)
    most = float(np.nanmax(differences, initial=0.0))
    if most <= tolerance:
        return []
    message = (
        f"{key} at {format_time(time)} is both in {first.path.name} and in {second.path.name} with "
        f"different values (they differ by up to {most:.4g}); {times.size} times are in both."
    )
    level = None
    if "level" in first.array.dims:
        position = int(np.nanargmax(np.nanmax(differences, axis=(-2, -1))))
        level, differences = float(first.array["level"].values[position]), differences[position]
    axes = (first.array[axis].values for axis in ("latitude", "longitude"))
    title = f"Difference of {key} [{first.array.attrs['units']}]"
    place, picture = greatest(differences, *axes, title=title)
    place = replace(place, time=format_time(time), level=level)
    return [repeated_times_finding(message, times, variable=key, location=place, picture=picture)]


def _align(
    arrays: dict[str, xr.DataArray], deciding: Sequence[str] | None, dim: str
) -> tuple[dict[str, xr.DataArray], list[Finding]]:
    """Reduce all arrays to the `dim` values that every deciding array has, in its order."""
    having = {name: array for name, array in arrays.items() if dim in array.dims}
    decide = [n for n in having if deciding is None or n in deciding] or list(having)
    if not having:
        return arrays, []
    common = having[decide[0]][dim].values
    for name in decide[1:]:
        common = common[np.isin(common, having[name][dim].values)]
    if common.size == 0:
        raise _nothing_in_common(having, decide, dim)
    findings, result = [], dict(arrays)
    for name, array in having.items():
        values = array[dim].values
        if not np.isin(common, values).all():
            del result[name]
            findings.append(_left_out(name, array, common, dim))
            continue
        if not np.array_equal(values, common):
            result[name] = array.sel({dim: common})
        if name in decide and values.size > common.size:
            findings.append(_shortened(name, values, common, dim))
    return result, findings


def _nothing_in_common(
    having: dict[str, xr.DataArray], decide: Sequence[str], dim: str
) -> DataError:
    ranges = "; ".join(f"{name}: {_range(having[name], dim)}" for name in decide)
    return DataError(
        f"No {dim} is common to all variables ({ranges}).",
        remedy=f"Give files of the same {dim}s.",
    )


def _left_out(name: str, array: xr.DataArray, common: np.ndarray, dim: str) -> Finding:
    message = (
        f"{name} has only some of the {common.size} {dim}s that the model's variables have "
        f"({_range(array, dim)}) and was left out."
    )
    remedy = f"Give it for all {dim}s if the model is to use it."
    return Finding(
        severity="warning",
        code=f"{dim}s-missing",
        message=message,
        remedy=remedy,
        variable=name,
        where=_range(array, dim),
    )


def _shortened(name: str, values: np.ndarray, common: np.ndarray, dim: str) -> Finding:
    lacking = ~np.isin(values, common)
    gone = values[lacking]
    if dim == "time":
        shown, (first, last) = format_time(gone[0]), (format_time(t) for t in values[[0, -1]])
        location = Location(time=shown)
    else:
        shown, first, last = f"{gone[0]:g} hPa", f"{values[0]:g} hPa", f"{values[-1]:g} hPa"
        location = Location(level=float(gone[0]))
    message = (
        f"{name}: {gone.size} of its {values.size} {dim}s (first {shown}) are not there for all "
        "variables and were left out."
    )
    return Finding(
        severity="warning",
        code=f"{dim}s-left-out",
        message=message,
        remedy=f"Give all variables for the same {dim}s if these are to be used.",
        variable=name,
        where=shown,
        location=location,
        picture=Picture.bars(lacking, title=f"{dim.title()}s left out", first=first, last=last),
    )


def _about(finding: Finding, key: str) -> Finding:
    return Finding(
        severity=finding.severity,
        code=finding.code,
        message=f"{key}: {finding.message}",
        remedy=finding.remedy,
        variable=key,
    )


def _range(array: xr.DataArray, dim: str) -> str:
    values = array[dim].values
    if dim == "level":
        return f"{_listed(values.tolist())} hPa"
    return f"{values.size} from {format_time(values[0])} to {format_time(values[-1])}"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
