"""The time axis: whatever a file calls it, valid time in UTC, strictly increasing."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.conventions import cf_coordinate
from aurora_dash.data.findings import Finding, Fix, Location
from aurora_dash.data.pictures import Picture
from aurora_dash.errors import DataError
from aurora_dash.spec.remedies import DropTimes, KeepFirst

TIME_NAMES = ("valid_time", "time", "datetime", "date")
_REFERENCE_NAMES = ("time", "forecast_reference_time", "reference_time", "init_time")
LEAD_NAMES = ("step", "forecast_period", "prediction_timedelta", "lead_time", "lead")
_ALL_NAMES = frozenset((*TIME_NAMES, *_REFERENCE_NAMES, *LEAD_NAMES))

Times = NDArray[np.datetime64]


def utc_datetimes(times: Times) -> tuple[datetime, ...]:
    """Time-zone-aware UTC datetimes, so that the machine's zone never matters."""
    return tuple(
        moment.replace(tzinfo=UTC)
        for moment in np.asarray(times).astype("datetime64[us]").astype(object).ravel().tolist()
    )


def hours_between(times: Times) -> NDArray[np.float64]:
    """Differences of neighbouring times in hours; one fewer than there are times."""
    steps: NDArray[np.float64] = np.diff(times) / np.timedelta64(1, "h")
    return steps


def format_time(time: np.datetime64) -> str:
    """Such as ``2025-06-01T06:00Z``."""
    return f"{np.datetime_as_string(time, unit='m')}Z"


def within(dataset: xr.Dataset, start: datetime | None, end: datetime | None) -> xr.Dataset:
    """Only the times from `start` to `end` (time-zone aware, inclusive), where that is plain.

    Left alone is a dataset without a single time axis that holds dates, or without such times:
    what to make of those is for others to say. Nothing is read.
    """
    axes = [name for name in TIME_NAMES if name in dataset.dims and name in dataset.coords]
    # Times of a forecast are those of its start.
    if _first(dataset, LEAD_NAMES) is not None:
        return dataset
    if len(axes) != 1 or dataset[axes[0]].dtype.kind != "M":
        return dataset
    times = dataset[axes[0]].values
    wanted = np.ones(times.shape, dtype=bool)
    if start is not None:
        wanted &= times >= np.datetime64(start.astimezone(UTC).replace(tzinfo=None))
    if end is not None:
        wanted &= times <= np.datetime64(end.astimezone(UTC).replace(tzinfo=None))
    chosen = np.flatnonzero(wanted)
    if chosen.size in (0, times.size):
        return dataset
    whole = chosen[-1] - chosen[0] + 1 == chosen.size
    # A slice is read in one go; a list of times is not.
    return dataset.isel({axes[0]: slice(chosen[0], chosen[-1] + 1) if whole else chosen})


def standard_time(dataset: xr.Dataset, label: str) -> tuple[xr.Dataset, list[Finding]]:
    """`dataset` with its valid times as the dimension ``time`` (none if it has no time at all).

    Reference times and forecast leads are combined to valid times, times are sorted. `DataError`
    names what can't be a time axis: another calendar, missing or repeated times.
    """
    valid = _valid_time(dataset, label)
    if valid is None:
        return dataset, []
    findings = _forecast_finding(dataset, label)
    plain = dataset.drop_vars(
        [n for n in dataset.coords if n in _ALL_NAMES and n not in dataset.dims]
    )
    if valid.ndim == 0:
        plain = plain.drop_vars([n for n in plain.coords if n in _ALL_NAMES]).expand_dims("time")
    elif valid.ndim == 1:
        plain = plain.drop_vars([n for n in plain.coords if n in _ALL_NAMES])
        plain = plain.rename({valid.dims[0]: "time"}) if valid.dims[0] != "time" else plain
    else:
        plain = plain.stack(valid_sample=valid.dims, create_index=False)
        plain = plain.drop_vars([n for n in plain.coords if n in _ALL_NAMES])
        plain = plain.rename(valid_sample="time").transpose("time", ...)
        valid = valid.stack(valid_sample=valid.dims, create_index=False)
    values = _checked(np.atleast_1d(valid.values), label)
    timed = plain.assign_coords(time=("time", values))
    ordered, notes = _sorted(timed, label, is_forecast=valid.ndim > 1 or bool(findings))
    return ordered, [*findings, *notes]


def _valid_time(dataset: xr.Dataset, label: str) -> xr.DataArray | None:
    if "valid_time" in dataset.coords:
        return dataset.coords["valid_time"]
    lead = _first(dataset, LEAD_NAMES)
    reference = _first(dataset, _REFERENCE_NAMES)
    if lead is not None and reference is not None and lead.dtype.kind == "m":
        return reference + lead
    found = _first(dataset, TIME_NAMES)
    if found is None and (name := cf_coordinate(dataset, "time")) is not None:
        found = dataset.coords[name] if dataset[name].dtype.kind == "M" else None
    if found is None and any(name in dataset.dims for name in TIME_NAMES):
        raise DataError(
            f"{label} has a time dimension without times.",
            remedy="Add a time coordinate with units such as 'hours since 1900-01-01'.",
        )
    return found


def _first(dataset: xr.Dataset, names: tuple[str, ...]) -> xr.DataArray | None:
    return next((dataset.coords[name] for name in names if name in dataset.coords), None)


def _forecast_finding(dataset: xr.Dataset, label: str) -> list[Finding]:
    lead = _first(dataset, LEAD_NAMES)
    if lead is None or lead.dtype.kind != "m":
        return []
    hours = lead.values / np.timedelta64(1, "h")
    if not np.any(hours > 0):
        return []
    return [
        Finding(
            severity="warning",
            code="forecast",
            message=f"{label} holds forecasts, not analyses: leads of {np.min(hours):g} to "
            f"{np.max(hours):g} hours were placed at their valid times.",
            remedy="For training prefer analyses or reanalysis; accumulated fields such as "
            "precipitation exist as short forecasts only.",
            where=label,
        )
    ]


def _checked(values: NDArray[np.generic], label: str) -> Times:
    if values.dtype.kind != "M":
        kind = type(values.ravel()[0]).__name__ if values.size else str(values.dtype)
        raise DataError(
            f"{label}: its time axis does not hold dates of the standard calendar but {kind}.",
            remedy="Convert it to the standard calendar with units such as "
            "'hours since 1900-01-01', for example with xarray's convert_calendar.",
        )
    times: Times = values.astype("datetime64[ns]")
    if np.isnat(times).any():
        first = int(np.flatnonzero(np.isnat(times))[0])
        raise DataError(
            f"{label}: time number {first + 1} of {times.size} is missing.",
            remedy="Remove that time from the file.",
        )
    return times


def _sorted(
    dataset: xr.Dataset, label: str, *, is_forecast: bool
) -> tuple[xr.Dataset, list[Finding]]:
    times = dataset["time"].values
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    repeated = np.flatnonzero(np.diff(ordered) == np.timedelta64(0))
    if repeated.size:
        if is_forecast:
            raise DataError(
                f"{label} has {repeated.size} time(s) more than once, first "
                f"{format_time(ordered[repeated[0]])}.",
                remedy="Keep one field a time; of several forecasts choose one lead.",
            )
        first = order[np.append(True, np.diff(ordered) > np.timedelta64(0))]
        return dataset.isel(time=first), [_repeated(label, ordered)]
    if np.array_equal(order, np.arange(times.size)):
        return dataset, []
    message = f"{label}: its {times.size} times were not in order and were sorted."
    note = Finding(severity="info", code="times-sorted", message=message, where=label)
    return dataset.isel(time=order), [note]


def _repeated(label: str, times: Times) -> Finding:
    """Of `times` in order."""
    distinct, counts = np.unique(times, return_counts=True)
    twice = distinct[counts > 1]
    ends = {"first": format_time(distinct[0]), "last": format_time(distinct[-1])}
    return repeated_times_finding(
        f"{label} has {twice.size} time(s) more than once, first {format_time(twice[0])}; these "
        f"have {int(counts[counts > 1].sum())} fields.",
        twice,
        location=Location(time=format_time(twice[0])),
        picture=Picture.bars(counts, title="Fields of each time", **ends),
        where=label,
    )


def repeated_times_finding(
    message: str,
    times: Times,
    *,
    location: Location,
    picture: Picture,
    where: str | None = None,
    variable: str | None = None,
) -> Finding:
    """That some times have several fields, of which one must be chosen, or none."""
    moments = utc_datetimes(np.unique(times))
    return Finding(
        severity="error",
        code="times-duplicated",
        message=message,
        remedy="Keep the first field of each, or drop these times.",
        variable=variable,
        where=where or str(location),
        location=location,
        fixes=(keeping_first(), Fix.by("Drop these times", DropTimes(times=moments))),
        picture=picture,
    )


def keeping_first() -> Fix:
    """The fix that takes the first of several fields of a time."""
    return Fix.by("Keep the first of each", KeepFirst())
