"""Forecasts on disk with what came true, alike for an evaluation's fields and stored forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import xarray as xr

from aurora_dash.data.reading import read_values
from aurora_dash.data.times import Times
from aurora_dash.evaluation.fields import TARGET
from aurora_dash.figures.scene import FloatArray, Scene
from aurora_dash.variables import Variable

PERSISTENCE = "persistence"
_OF_WAVES = {"surf_10u_wave": np.sin, "surf_10v_wave": np.cos}
"""What the wave model predicts of the wind's speed and direction, as `AuroraWave` makes it."""


@dataclass(frozen=True, kw_only=True)
class At:
    """Of what, where and when a field is; each source has one."""

    key: str
    level: float | None
    """hPa; None on the surface."""
    sample: int
    lead_hours: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecasts:
    """Forecasts from several initial times, read field by field."""

    name: str
    """Whose they are, in words."""
    dataset: xr.Dataset
    """In the layout of ``fields.nc``; without the dimension ``source`` they are all the model's."""
    variables: Mapping[str, Variable]
    """By canonical key."""
    labels: tuple[str, ...] = ()
    attribution: str = ""
    truth: xr.Dataset | None = None
    """Canonical data for what the dataset itself does not hold: targets and initial states."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dataset.close()

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose forecasts there are."""
        if "source" not in self.dataset.dims:
            return ("model",)
        return tuple(str(s) for s in self.dataset["source"].values if s != TARGET)

    @property
    def lead_hours(self) -> tuple[int, ...]:
        """Lead times."""
        return tuple(int(hours) for hours in self.dataset["lead"].values)

    @property
    def starts(self) -> Times:
        """Initial times (samples,)."""
        return np.asarray(self.dataset["time"].values).astype("datetime64[s]")

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of every field."""
        return self.dataset.sizes["latitude"], self.dataset.sizes["longitude"]

    def levels(self, key: str) -> tuple[float, ...]:
        """Pressure levels of a variable in hPa; none on the surface."""
        if "level" not in self.dataset[key].dims:
            return ()
        return tuple(float(level) for level in self.dataset["level"].values)

    def valid_time(self, at: At) -> np.datetime64:
        """What a forecast is for."""
        moment: np.datetime64 = self.starts[at.sample] + np.timedelta64(at.lead_hours, "h")
        return moment

    def scene(self, at: At) -> Scene:
        """All that maps of it say."""
        return Scene(
            variable=self.variables[at.key],
            latitudes=self.dataset["latitude"].values,
            longitudes=self.dataset["longitude"].values,
            level=at.level,
            valid_time=self.valid_time(at),
            lead_hours=at.lead_hours,
            labels=self.labels,
            attribution=self.attribution,
        )

    def forecast(self, at: At, source: str = "model") -> FloatArray | None:
        """What a source forecasts (H, W); None where it has no value at all."""
        array = self.dataset[at.key]
        if "source" in array.dims:
            array = array.sel(source=source)
        return _read(array.isel(sample=at.sample).sel(lead=at.lead_hours), at.level)

    def target(self, at: At) -> FloatArray | None:
        """What came true (H, W); None where that is not known."""
        if self._has(TARGET):
            return self.forecast(at, TARGET)
        return self._observed(at, self.valid_time(at))

    def start(self, at: At) -> FloatArray | None:
        """The initial state (H, W), which persistence holds on to; None where it is not known."""
        if self._has(PERSISTENCE):
            return self.forecast(at, PERSISTENCE)
        return self._observed(at, self.starts[at.sample])

    def _has(self, source: str) -> bool:
        return "source" in self.dataset.dims and source in self.dataset["source"].values

    def _observed(self, at: At, time: np.datetime64) -> FloatArray | None:
        if self.truth is None or not self._on_grid(self.truth):
            return None
        if at.key in _OF_WAVES:
            speed, direction = (
                self._observed(replace(at, key=key), time) for key in ("surf_wind", "surf_dwi")
            )
            if speed is None or direction is None:
                return None
            return np.asarray(-speed * _OF_WAVES[at.key](np.deg2rad(direction)), np.float32)
        [found] = np.nonzero(self.truth["time"].values.astype("datetime64[s]") == time)
        if at.key not in self.truth or not found.size:
            return None
        return _read(self.truth[at.key].isel(time=int(found[0])), at.level)

    def _on_grid(self, other: xr.Dataset) -> bool:
        return all(
            np.array_equal(other[axis].values, self.dataset[axis].values)
            for axis in ("latitude", "longitude")
        )


def _read(array: xr.DataArray, level: float | None) -> FloatArray | None:
    if level is not None:
        if level not in array["level"].values:
            return None
        array = array.sel(level=level)
    values = np.asarray(read_values(array), np.float32)
    return values if np.isfinite(values).any() else None
