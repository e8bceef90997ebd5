"""Requests in the words of the data stores' own forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from aurora_dash.data.fetch.request import FetchRequest, spans_the_globe


def store_inputs(
    request: FetchRequest,
    variables: Sequence[str],
    span: tuple[date, date],
    *,
    with_levels: bool,
    once: bool,
) -> dict[str, Any]:
    """The ``inputs`` of one request; with `once` for a single time, as static variables need.

    `span` must lie within one calendar month.
    """
    hours = request.hours_of_day[:1] if once else request.hours_of_day
    inputs: dict[str, Any] = {"variable": list(variables)}
    times = [f"{hour:02d}:00" for hour in hours]
    if request.source == "cams":
        inputs |= {
            "type": ["forecast"],
            "date": [f"{span[0]}/{span[1]}"],
            "time": times,
            "leadtime_hour": ["0"],
            "data_format": "netcdf_zip",
        }
    else:
        num_days = (span[1] - span[0]).days + 1
        inputs |= {
            "product_type": ["reanalysis"],
            "year": [f"{span[0]:%Y}"],
            "month": [f"{span[0]:%m}"],
            "day": [f"{span[0] + timedelta(days=n):%d}" for n in range(num_days)],
            "time": times,
            "data_format": "netcdf",
            "download_format": "unarchived",
        }
    if with_levels:
        inputs["pressure_level"] = [str(level) for level in request.pressure_levels]
    if request.region is not None:
        inputs["area"] = _area(request)
    return inputs


def _area(request: FetchRequest) -> list[float]:
    """North, west, south, east; the last column is not the first once more."""
    region, step = request.region, request.origin.resolution_degrees
    assert region is not None
    if spans_the_globe(region):
        return [region.north, 0.0, region.south, 360.0 - step]
    east = region.east - step if region.east % 360 == 0 else region.east
    return [region.north, region.west, region.south, east]
