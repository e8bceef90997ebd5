"""Another model's forecasts from a file: initial time and lead time as dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from aurora_dash.data.conventions import cf_coordinate
from aurora_dash.data.members import MEMBER_NAMES
from aurora_dash.data.places import Place
from aurora_dash.data.times import LEAD_NAMES, Times, format_time
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.alignment import Aligned, align, open_foreign
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.slabs import Fields

_START_NAMES = ("forecast_reference_time", "reference_time", "init_time", "time")
_LAYOUT = (
    "Give forecasts with an initial time and a lead time, as WeatherBench 2 (time, "
    "prediction_timedelta), cfgrib (time, step) or the CF convention "
    "(forecast_reference_time, forecast_period) have them."
)


class ForecastFile:
    """Reads forecasts by initial time and lead, on the grid and the levels of an evaluation."""

    def __init__(self, place: Place, layout: Layout) -> None:
        """`EvaluationError` if it is no forecast, or on another grid, or lacks a lead time."""
        self._place = place
        datasets = [_with_axes(dataset, place) for dataset in open_foreign(place)]
        self._fields = align(datasets, layout, place)
        if not self._fields:
            raise EvaluationError(
                f"{place} holds none of the scored variables: "
                f"{', '.join(target.name for target in layout.targets)}.",
                remedy="Name variables to score that the file has.",
            )
        for key, aligned in self._fields.items():
            self._require_leads(key, aligned, layout.lead_hours)

    @property
    def keys(self) -> tuple[str, ...]:
        """Canonical names of the scored variables that it has."""
        return tuple(self._fields)

    @property
    def starts(self) -> Times:
        """Initial times that all its variables have."""
        first, *others = (aligned.array["start"].values for aligned in self._fields.values())
        for other in others:
            first = np.intersect1d(first, other)
        return np.asarray(first)

    @property
    def num_members(self) -> int:
        """Size of the ensemble; 1: a single forecast."""
        return max(aligned.array.sizes.get("member", 1) for aligned in self._fields.values())

    def fields(self, start: np.datetime64, lead_hours: int) -> Fields:
        """The forecast from `start`, `lead_hours` later: (M, [L,] H, W) by canonical name."""
        lead = np.timedelta64(lead_hours, "h").astype("m8[ns]")
        found = {}
        for key, aligned in self._fields.items():
            values = aligned.read(aligned.array.sel(start=start, lead=lead))
            found[key] = values if "member" in aligned.array.dims else values[None]
        return found

    def _require_leads(self, key: str, aligned: Aligned, lead_hours: Sequence[int]) -> None:
        known = aligned.array["lead"].values / np.timedelta64(1, "h")
        missing = [hours for hours in lead_hours if not (known == hours).any()]
        if missing:
            raise EvaluationError(
                f"{self._place} has no forecast of {key} {missing[0]} hours ahead; its lead times "
                f"are {', '.join(f'{hours:g}' for hours in known[:12])} hours.",
                remedy="Evaluate fewer lead times, or give a file that holds them.",
            )


def _with_axes(dataset: xr.Dataset, place: Place) -> xr.Dataset:
    """Initial time, lead time and members under one name each, as dimensions."""
    lead = _coordinate(dataset, LEAD_NAMES, "forecast_period")
    start = _coordinate(dataset, _START_NAMES, "forecast_reference_time")
    if lead is None or start is None or dataset[start].dtype.kind != "M":
        raise EvaluationError(
            f"{place} is no forecast: it has the coordinates "
            f"{', '.join(map(str, dataset.coords))}.",
            remedy=_LAYOUT,
        )
    for name in (start, lead):
        if dataset[name].ndim == 0:
            dataset = dataset.expand_dims(name)
        if dataset[name].dims != (name,):
            raise EvaluationError(
                f"{place}: {name} is no dimension of its own, but depends on "
                f"{', '.join(map(str, dataset[name].dims))}.",
                remedy=_LAYOUT,
            )
    member = next((name for name in MEMBER_NAMES if name in dataset.dims), None)
    names = {start: "start", lead: "lead"} | ({member: "member"} if member else {})
    others = [name for name in dataset.coords if name in ("valid_time",)]
    renamed = dataset.drop_vars(others).rename(names)
    return renamed.assign_coords(
        start=renamed["start"].values.astype("datetime64[ns]"),
        lead=_durations(renamed["lead"], place),
    ).transpose("start", "lead", *(["member"] if member else []), ...)


def _coordinate(dataset: xr.Dataset, names: Sequence[str], standard: str) -> str | None:
    known = next((name for name in names if name in dataset.coords), None)
    return cf_coordinate(dataset, standard) or known


def _durations(lead: xr.DataArray, place: Place) -> Times:
    if lead.dtype.kind == "m":
        return np.asarray(lead.values.astype("timedelta64[ns]"))
    unit = str(lead.attrs.get("units", "")).strip().lower()
    if unit in ("h", "hr", "hour", "hours") and lead.dtype.kind in "iuf":
        return np.asarray((lead.values * 3600e9).astype("timedelta64[ns]"))
    raise EvaluationError(
        f"{place}: its lead times are {lead.dtype} in {unit or 'no unit'}, not durations.",
        remedy="Give lead times in hours, with the units attribute 'hours'.",
    )


def common_starts(
    name: str, file: ForecastFile, starts: Times
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], str | None]:
    """Which of `starts` a file has forecasts from, and a warning if not all.

    `EvaluationError` if it has none of them.
    """
    has = np.isin(starts, file.starts)
    if has.all():
        return has, None
    known = file.starts
    if not has.any():
        span = f"{format_time(known.min())} to {format_time(known.max())}" if known.size else "none"
        raise EvaluationError(
            f"The forecasts of {name} begin at other times ({span}) than those that are judged "
            f"({format_time(starts.min())} to {format_time(starts.max())}).",
            remedy="Give forecasts from the same initial times.",
        )
    return has, (
        f"{name} has forecasts from {has.sum()} of {has.size} initial times: all sources are "
        "judged on these."
    )
