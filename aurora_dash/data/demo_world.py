"""The formulas behind the demo weather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from aurora_dash.data.demo_tables import (
    ATMOSPHERIC_PATTERNS,
    STATIC_VALUES,
    SURFACE_PATTERNS,
    Pattern,
    level_climate,
)
from aurora_dash.spec import DemoSpec

Array = NDArray[np.float64]

_START = np.datetime64("2020-03-01T00", "ns")
_EARTH_RADIUS = 6.371e6
_ROTATION = 7.292e-5
_STANDARD_GRAVITY = 9.80665

# Zonal wavenumber, relative amplitude, phase speed in degrees of longitude an hour.
_WAVES = ((2, 0.5, 0.2), (4, 0.7, 0.45), (6, 1.0, 0.6), (8, 0.45, 0.75))
_AMPLITUDE = 1.6

_WIND_OF = dict.fromkeys(("10u", "10v", "10u_wave", "10v_wave"), 0.65) | {
    "100u": 0.85,
    "100v": 0.85,
}
# Offset in K from the 2 m temperature, and how strongly it follows the sun over land.
_TEMPERATURES = {"2t": (0.0, 6.0), "2d": (-5.0, 1.0), "skt": (0.3, 10.0), "stl1": (0.6, 3.0)}


@dataclass(frozen=True)
class World:
    """The grid, the clock and the random phases of one demo."""

    latitude: Array
    longitude: Array
    hours: Array
    """Since the first time, one for each time."""
    levels: tuple[int, ...]
    phases: Array
    """(wavenumber, hemisphere) in radians."""
    land: Array
    """Land fraction (latitude, longitude)."""

    @classmethod
    def of(cls, demo: DemoSpec, timestep_hours: int) -> Self:
        """The world that `demo` describes; its seed decides about waves and continents."""
        generator = np.random.default_rng(demo.seed)
        # Cell centres: no pole is a row of one point.
        latitude = 90 - (np.arange(demo.height) + 0.5) * 180 / demo.height
        longitude = np.arange(demo.width) * 360 / demo.width
        return cls(
            latitude=latitude,
            longitude=longitude,
            hours=np.arange(demo.num_times, dtype=np.float64) * timestep_hours,
            levels=demo.levels,
            phases=generator.uniform(0, 2 * np.pi, (len(_WAVES), 2)),
            land=_continents(latitude, longitude, generator.uniform(0, 2 * np.pi, 4)),
        )

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Valid times (UTC)."""
        times: NDArray[np.datetime64] = _START + self.hours.astype("timedelta64[h]")
        return times

    def static(self, name: str) -> Array:
        """A static field (latitude, longitude)."""
        if name == "lsm":
            return self.land
        if name == "z":
            relief: Array = _STANDARD_GRAVITY * 800 * self.land**2
            return relief
        if name == "wmb":
            # Depth as a fraction: Aurora normalises it with location 0 and scale 1, so that metres
            # would drown all else. Above 0 is sea.
            return np.clip(1 - 2 * self.land, 0.0, 1.0)
        classes = np.where(self.land > 0.3, 1 + np.floor(self.land * 5.99), 0.0)
        if name == "slt":
            return classes
        kind, _, code = name.rpartition("_")
        if kind in ("slt", "tvh", "tvl"):
            return np.where(classes == float(code), 1.0, 0.0)
        at_sea, on_land = STATIC_VALUES[name]
        field: Array = at_sea + (on_land - at_sea) * self.land
        return field

    def surface(self, name: str, hours: Array) -> Array:
        """A surface field at `hours` (time, latitude, longitude)."""
        if name in _TEMPERATURES:
            offset, daily = _TEMPERATURES[name]
            warm = self.atmospheric("t", 1000, hours) + offset
            return warm + daily * (0.3 + 0.7 * self.land) * (self._sun(hours) - 0.3)
        if name in _WIND_OF:
            factor = _WIND_OF[name] * (1 - 0.4 * self.land)
            return factor * self.atmospheric("u" if "u" in name else "v", 1000, hours)
        if name == "wind":
            return 0.1 + np.hypot(self.surface("10u", hours), self.surface("10v", hours))
        if name in ("msl", "sp"):
            # Air of 1.2 kg m-3 turns height of the 1000 hPa surface into pressure.
            pressure = 1e5 + 1.2 * self.atmospheric("z", 1000, hours)
            relief = self.static("z") / (287.0 * 270.0)
            return pressure if name == "msl" else pressure * np.exp(-relief)
        if name == "tcwv":
            return 2500.0 * self.atmospheric("q", 1000, hours)
        if name == "ci":
            polar = 1 / (1 + np.exp(-(np.abs(self.latitude) - 72) / 2))[None, :, None]
            return polar * (1 - self.land) * (0.95 + 0.05 * self._wave(hours, 0.0))
        return self._pattern(SURFACE_PATTERNS[name], hours, 0.0)

    def atmospheric(self, name: str, level: float, hours: Array) -> Array:
        """A field on one pressure level at `hours` (time, latitude, longitude)."""
        climate = level_climate(level)
        warmth = (np.cos(np.deg2rad(self.latitude)) ** 2 - 0.6)[None, :, None]
        if name == "z":
            mean = climate.geopotential + climate.geopotential_contrast * warmth
            return mean + climate.geopotential_wave * self._wave(hours, climate.tilt)
        if name in ("u", "v"):
            return self._geostrophic(name, level, hours)
        if name == "t":
            mean = climate.temperature + climate.temperature_contrast * warmth
            return mean + climate.temperature_wave * self._wave(hours, climate.tilt + 0.8)
        if name == "q":
            celsius = self.atmospheric("t", level, hours) - 273.15
            # Magnus formula over water; relative humidity of 60 %.
            vapour = 0.6 * 6.112 * np.exp(17.62 * celsius / (243.12 + celsius))
            return 0.622 * vapour / level
        return self._pattern(ATMOSPHERIC_PATTERNS[name], hours, climate.tilt)

    def _geostrophic(self, name: str, level: float, hours: Array) -> Array:
        climate = level_climate(level)
        phi = np.deg2rad(self.latitude)[None, :, None]
        # The balance fails at the equator: there the wind is that of 15 degrees, which is weak.
        sine = np.where(phi < 0, -1, 1) * np.maximum(np.abs(np.sin(phi)), np.sin(np.deg2rad(15)))
        coriolis = 2 * _ROTATION * sine
        if name == "v":
            eastward = climate.geopotential_wave * self._wave(hours, climate.tilt, derivative=True)
            v: Array = eastward / (coriolis * _EARTH_RADIUS * np.maximum(np.cos(phi), 0.2))
            return v
        northward = np.gradient(self.atmospheric("z", level, hours), phi.ravel(), axis=1)
        u: Array = -northward / (coriolis * _EARTH_RADIUS)
        return u

    def _pattern(self, pattern: Pattern, hours: Array, tilt: float) -> Array:
        wave = self._wave(hours, pattern.shift + tilt)
        if pattern.kind == "positive":
            return pattern.mean * np.exp(pattern.spread * wave)
        if pattern.kind == "fraction":
            middle = np.log(pattern.mean / (1 - pattern.mean))
            fraction: Array = 1 / (1 + np.exp(-(middle + pattern.spread * wave)))
            return fraction
        if pattern.kind == "direction":
            return np.mod(270 + 80 * wave, 360.0)
        if pattern.kind == "sunlit":
            sunlit: Array = pattern.mean * self._sun(hours) * (0.8 + 0.2 * wave)
            return sunlit
        return pattern.mean + pattern.spread * wave

    def _wave(self, hours: Array, shift: float, *, derivative: bool = False) -> Array:
        """The travelling pattern, within -1.7 to 1.7, or its derivative by longitude (per radian).

        `shift` (radians of each wave's phase) displaces it westwards.
        """
        envelope = np.exp(-(((np.abs(self.latitude) - 48) / 15) ** 2))
        northern = 0.5 * (1 + np.tanh(self.latitude / 8))
        sides = np.stack([northern, 1 - northern])
        wavenumber = np.array([k for k, _, _ in _WAVES], dtype=np.float64)
        amplitude = np.array([a for _, a, _ in _WAVES]) / _AMPLITUDE
        speed = np.array([s for _, _, s in _WAVES])
        clock = np.deg2rad(wavenumber * speed * hours[:, None])[..., None] + self.phases - shift
        # cos(k x - clock), as one matrix product over the wavenumbers.
        rows = np.einsum("k,sy,tksc->tykc", amplitude, sides * envelope, _cos_sin(clock))
        angle = np.outer(wavenumber, np.deg2rad(self.longitude))
        columns = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        if derivative:
            columns = wavenumber[:, None, None] * np.stack([-np.sin(angle), np.cos(angle)], axis=1)
        size = hours.size, self.latitude.size
        pattern: Array = rows.reshape(*size, -1) @ columns.reshape(-1, self.longitude.size)
        return pattern

    def _sun(self, hours: Array) -> Array:
        """Cosine of the sun's distance from the zenith at an equinox, 0 at night."""
        local = 2 * np.pi / 24 * (hours[:, None] + self.longitude[None, :] / 15.0)
        height = -np.cos(local)[:, None, :] * np.cos(np.deg2rad(self.latitude))[None, :, None]
        sun: Array = np.maximum(height, 0.0)
        return sun


def _cos_sin(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _continents(latitude: Array, longitude: Array, phases: Array) -> Array:
    x, y = np.deg2rad(longitude)[None, :], np.deg2rad(latitude)[:, None]
    relief = (
        np.cos(x + phases[0]) * np.cos(y)
        + 0.6 * np.cos(2 * x + phases[1]) * np.sin(2 * y + phases[2])
        + 0.4 * np.cos(3 * x + phases[3]) * np.cos(3 * y)
    )
    land: Array = 1 / (1 + np.exp(-6 * (relief - 0.3)))
    return land
