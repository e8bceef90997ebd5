"""Forecasts at one grid point: over the leads of a sample, or over samples by valid time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.figures.scene import FloatArray

MOST_TIMES = 200
"""A point costs the decoding of a whole field."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PointSeries:
    """Values (T,) at the grid point nearest to a place, by valid time; NaN where there is none."""

    latitude: float
    longitude: float
    valid_times: NDArray[np.datetime64]
    starts: NDArray[np.datetime64]
    lead_hours: NDArray[np.int64]
    lines: dict[str, NDArray[np.float32]]
    """By what they are of: ``prediction``, ``target``, ``persistence``, and a second forecast."""
    stride: int
    """Every so-many-th; 1 for all."""

    def records(self) -> list[dict[str, object]]:
        """A record a time, for tables and CSV; times in ISO 8601, UTC."""
        columns = {
            "valid_time": _iso(self.valid_times),
            "initial_time": _iso(self.starts),
            "lead_hours": self.lead_hours.tolist(),
            **{name: values.tolist() for name, values in self.lines.items()},
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def over_leads(
    forecasts: Forecasts, at: At, place: tuple[float, float], source: str, other: Other | None
) -> PointSeries:
    """All leads of one sample at (latitude, longitude) in degrees."""
    moments = [replace(at, lead_hours=hours) for hours in forecasts.lead_hours]
    return _series(forecasts, moments, place, source, other)


def over_samples(
    forecasts: Forecasts, at: At, place: tuple[float, float], source: str, other: Other | None
) -> PointSeries:
    """All samples of one lead at (latitude, longitude) in degrees."""
    moments = [replace(at, sample=number) for number in range(forecasts.starts.size)]
    return _series(forecasts, moments, place, source, other)


def nearest(forecasts: Forecasts, place: tuple[float, float]) -> tuple[int, int]:
    """Row and column of the grid point nearest to (latitude, longitude), across the dateline."""
    latitude, longitude = place
    away = (forecasts.dataset["longitude"].values - longitude + 180) % 360 - 180
    row = int(np.abs(forecasts.dataset["latitude"].values - latitude).argmin())
    return row, int(np.abs(away).argmin())


def _series(
    forecasts: Forecasts,
    moments: Sequence[At],
    place: tuple[float, float],
    source: str,
    other: Other | None,
) -> PointSeries:
    stride = -(-len(moments) // MOST_TIMES)
    moments = moments[::stride]
    point = nearest(forecasts, place)
    lines = {
        "prediction": _line((forecasts.forecast(at, source) for at in moments), point),
        "target": _line((forecasts.target(at) for at in moments), point),
        "persistence": _line((forecasts.start(at) for at in moments), point),
    }
    if other is not None:
        lines[other.name] = _line((other.forecast(at) for at in moments), point)
    return PointSeries(
        latitude=float(forecasts.dataset["latitude"].values[point[0]]),
        longitude=float(forecasts.dataset["longitude"].values[point[1]]),
        valid_times=np.array([forecasts.valid_time(at) for at in moments], "M8[s]"),
        starts=forecasts.starts[[at.sample for at in moments]],
        lead_hours=np.array([at.lead_hours for at in moments], np.int64),
        lines={name: values for name, values in lines.items() if np.isfinite(values).any()},
        stride=stride,
    )


def _line(fields: Iterable[FloatArray | None], point: tuple[int, int]) -> NDArray[np.float32]:
    return np.array([np.nan if f is None else f[point] for f in fields], np.float32)


def _iso(times: NDArray[np.datetime64]) -> list[str]:
    return [f"{moment}Z" for moment in np.datetime_as_string(times, unit="m").tolist()]
