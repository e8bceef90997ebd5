"""Open any mix of files as one canonical dataset, lazily, and say all that was done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.data.axes import longitude_break
from aurora_dash.data.fields import Field, fields_of, recognition_findings
from aurora_dash.data.findings import Finding, Fix, greatest
from aurora_dash.data.meaning import Aliases
from aurora_dash.data.merge import merge_fields
from aurora_dash.data.places import Place
from aurora_dash.data.readers import Period, RawPart, read_file
from aurora_dash.data.reading import heed_stop, read_values
from aurora_dash.data.times import Times
from aurora_dash.errors import DataError
from aurora_dash.spec import Region, Remedy
from aurora_dash.spec.remedies import FirstField, OmitVariable
from aurora_dash.variables import Group

GREENWICH_CODES = frozenset({"crosses-greenwich", "longitude-gap"})

LaterCheck = Callable[[], Sequence[Finding]]


@dataclass(frozen=True, kw_only=True)
class OpenedData:
    """A canonical dataset, where it came from and what was noticed on the way.

    `dataset` holds ``surf_*`` (time, latitude, longitude), ``static_*`` (latitude, longitude) and
    ``atmos_*`` (time, level, latitude, longitude), float32; `time` is UTC and increasing, `level`
    in hPa, `latitude` decreasing, `longitude` increasing in [0, 360).
    """

    dataset: xr.Dataset
    findings: tuple[Finding, ...] = ()
    files: tuple[Place, ...] = ()
    later_checks: tuple[LaterCheck, ...] = ()
    """Checks that have to read fields, for `check_for_training`."""
    coverage: Mapping[Place, Times] = dataclass_field(default_factory=dict)
    """Which times each file has fields for; a file of static fields alone has none."""
    remedies: tuple[Remedy, ...] = ()
    """Remedies that were applied when a training store was written, and are not to be again."""
    attribution: str = ""
    """Whose data it is, where that is not to be read from the files themselves."""
    closers: tuple[Callable[[], None], ...] = ()

    def close(self) -> None:
        """Give the file handles back; reading more values opens the files again."""
        for close in self.closers:
            close()


def open_files(
    paths: Sequence[Place],
    *,
    aliases: Aliases | None = None,
    needed: Collection[str] | None = None,
    member: int | None = None,
    period: Period = (None, None),
) -> OpenedData:
    """Open NetCDF and GRIB files and Zarr stores together as one canonical dataset.

    `aliases` says which names in the files stand for which variables, beside the names that are
    known; `needed` (canonical keys) says which variables decide about the times and levels kept;
    of ensembles `member` is taken, None for the first; of stores only the times in `period` are
    looked at. No field is read, and nothing is written beside the files. `DataError` or
    `PathError` names the file that is missing, damaged, of another kind or on another grid.
    """
    if not paths:
        raise DataError("No data file was given.", remedy="Give NetCDF, GRIB or Zarr.")
    parts, fields, findings = _read_all(paths, aliases or {}, member, period)
    if not fields:
        raise _nothing_recognised(paths, findings)
    dataset, notes = merge_fields(fields, needed)
    if any(part.dataset.attrs.get("synthetic") for part in parts):
        dataset.attrs["synthetic"] = 1
    findings.extend([*notes, *greenwich_findings(dataset)])
    return OpenedData(
        dataset=dataset,
        findings=tuple(dict.fromkeys(findings)),
        files=tuple(paths),
        coverage=_coverage(fields),
        later_checks=(*_static_checks(fields), *_store_checks(fields)),
        closers=tuple(part.close for part in parts),
    )


def _read_all(
    paths: Sequence[Place], aliases: Aliases, member: int | None, period: Period
) -> tuple[list[RawPart], list[Field], list[Finding]]:
    parts: list[RawPart] = []
    fields: list[Field] = []
    findings: list[Finding] = []
    for path in paths:
        heed_stop()
        raw, notes = read_file(path, period)
        own: list[Field] = []
        for part in raw:
            found, more = fields_of(part, aliases, member)
            own.extend(found)
            notes.extend(more)
        parts.extend(raw)
        fields.extend(own)
        findings.extend([*notes, *recognition_findings(path, own)])
    return parts, fields, findings


def _coverage(fields: Sequence[Field]) -> dict[Place, Times]:
    found: dict[Place, Times] = {}
    for one in fields:
        if "time" in one.array.dims:
            times = one.array["time"].values
            found[one.path] = np.union1d(found[one.path], times) if one.path in found else times
        else:
            found.setdefault(one.path, np.zeros(0, "datetime64[ns]"))
    return found


def greenwich_findings(dataset: xr.Dataset) -> tuple[Finding, ...]:
    """An error finding if the longitudes have a gap, as a region across Greenwich leaves one."""
    longitude = dataset["longitude"].values
    start = longitude_break(longitude)
    if start is None:
        return ()
    latitude = dataset["latitude"].values
    lower, upper = longitude[:start], longitude[start:]
    across = bool(longitude[0] + 360 - longitude[-1] < longitude[start] - longitude[start - 1])
    if not across:
        message = f"Longitudes have a gap between {lower[-1]:g} and {upper[0]:g} degrees east."
        remedy = "Give files without gaps, or choose a data.region on one side of it."
        fixes = _sides_of("the gap", latitude, lower, upper)
        return (
            Finding(severity="error", code="longitude-gap", message=message, remedy=remedy,
                    where=f"{lower[-1]:g} to {upper[0]:g} degrees east", fixes=fixes),
        )  # fmt: skip
    fixes = _sides_of("Greenwich", latitude, (upper - 360).round(5), lower)
    sides = [fix.assignments[0] for fix in fixes]
    message = (
        f"The region runs across Greenwich: from {upper[0] - 360:g} to {lower[-1]:g} degrees east. "
        "Aurora needs longitudes that increase within [0, 360), so it can't take such a region."
    )
    remedy = f"Choose one side of Greenwich: set {' or '.join(sides)}."
    return (
        Finding(severity="error", code="crosses-greenwich", message=message, remedy=remedy,
                where=f"{upper[0] - 360:g} to {lower[-1]:g} degrees east", fixes=fixes),
    )  # fmt: skip


def _sides_of(
    what: str, latitude: np.ndarray, west: np.ndarray, east: np.ndarray
) -> tuple[Fix, Fix]:
    """Taking the points of one side alone; `west` and `east` are longitudes in order."""

    def side(name: str, longitude: np.ndarray) -> Fix:
        box = Region(
            north=latitude[0], south=latitude[-1], west=longitude[0], east=longitude[-1]
        ).model_dump_json()
        return Fix(label=f"Take the {name} of {what}", assignments=(f"data.region={box}",))

    return side("west", west), side("east", east)


def _nothing_recognised(paths: Sequence[Place], findings: Sequence[Finding]) -> DataError:
    names = ", ".join(path.name for path in paths)
    reasons = " ".join(f.message for f in findings if f.variable is not None)
    return DataError(
        f"No variable in {names} was recognised. {reasons}".strip(),
        remedy="Register a new variable with the name that the file uses (source_name), or rename "
        "the file's variables.",
    )


def _static_checks(fields: Sequence[Field]) -> tuple[LaterCheck, ...]:
    """For each static variable: does it really not change between the first and the last time?"""
    checks: list[LaterCheck] = []
    for key in dict.fromkeys(field.key for field in fields):
        same = [field for field in fields if field.key == key]
        last = same[-1].last if same[-1].last is not None else same[-1].array
        if key.startswith(Group.STATIC.prefix) and last is not same[0].array:
            checks.append(partial(_static_check, same[0], last))
    return tuple(checks)


def _static_check(field: Field, last: xr.DataArray) -> tuple[Finding, ...]:
    first = read_values(field.array)
    changes = np.abs(first - read_values(last))
    tolerance = 1e-3 * float(np.nanstd(first)) + 1e-6
    most = float(np.nanmax(changes, initial=0.0))
    if most <= tolerance:
        return ()
    name, units = field.array.attrs["source_name"], field.array.attrs["units"]
    amount = f"{most:.4g}" if units == "1" else f"{most:.4g} {units}"
    axes = (field.array[axis].values for axis in ("latitude", "longitude"))
    place, picture = greatest(changes, *axes, title=f"Change of {name} [{units}]")
    keep, omit = FirstField(variable=field.key), OmitVariable(variable=field.key)
    return (
        Finding(
            severity="error",
            code="static-changes",
            message=f"{field.path.name}: {name} was taken as static, but changes by up to "
            f"{amount} between the first and the last time, at "
            f"{np.count_nonzero(changes > tolerance)} of {changes.size} points.",
            remedy="Check that it is the surface field and not one on a pressure level. If it is "
            "and changes little, as sea ice may change a mask, keep the first field.",
            variable=field.key,
            where=str(field.path),
            location=place,
            fixes=(Fix.by("Keep the first field", keep), Fix.by("Omit the variable", omit)),
            picture=picture,
        ),
    )


def _store_checks(fields: Sequence[Field]) -> tuple[LaterCheck, ...]:
    """For each Zarr store on this machine: are the files of all chunks there?"""
    stores: dict[Path, list[str]] = {}
    for field in fields:
        if isinstance(field.path, Path) and field.path.is_dir():
            stores.setdefault(field.path, []).append(str(field.array.attrs["source_name"]))
    return tuple(partial(_store_check, store, names) for store, names in stores.items())


def _store_check(store: Path, names: Sequence[str]) -> tuple[Finding, ...]:
    from aurora_dash.data.zarr_store import missing_chunks

    findings = []
    for name in dict.fromkeys(names):
        counts = missing_chunks(store, name)
        if counts is None or counts[0] == 0:
            continue
        message = (
            f"{store.name}: {counts[0]} of {counts[1]} chunks of {name} have no file; they read "
            "as the fill value of the store."
        )
        remedy = "Right if the store leaves out chunks of that value alone; else copy it again."
        findings.append(
            Finding(severity="warning", code="chunks-missing", message=message, remedy=remedy,
                    variable=name, where=str(store))
        )  # fmt: skip
    return tuple(findings)
