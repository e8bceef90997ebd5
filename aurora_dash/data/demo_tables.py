"""Magnitudes of the demo weather: what is typical on Earth, rounded.

Levels follow the U.S. Standard Atmosphere; the rest are the orders of magnitude of ERA5, CAMS and
HRES-WAM fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class LevelClimate:
    """One pressure level: means, contrasts and wave amplitudes."""

    pressure: float
    """hPa."""
    geopotential: float
    """m2 s-2."""
    geopotential_contrast: float
    """Equator minus pole, m2 s-2: sets the jet."""
    geopotential_wave: float
    temperature: float
    """K."""
    temperature_contrast: float
    """Equator minus pole, K."""
    temperature_wave: float
    tilt: float
    """Westward displacement of the waves in radians of their phase."""


_LEVELS = (
    LevelClimate(50, 201_800, 9_000, 1_900, 214, 5, 2.0, 1.6),
    LevelClimate(100, 158_500, 15_000, 2_300, 208, -20, 2.5, 1.5),
    LevelClimate(150, 133_400, 17_500, 2_600, 214, -10, 3.0, 1.4),
    LevelClimate(200, 115_500, 18_000, 2_800, 218, 2, 3.0, 1.3),
    LevelClimate(250, 101_600, 17_000, 2_800, 223, 14, 3.5, 1.2),
    LevelClimate(300, 89_900, 15_000, 2_700, 229, 24, 4.0, 1.1),
    LevelClimate(400, 70_500, 11_500, 2_400, 242, 30, 4.5, 0.9),
    LevelClimate(500, 54_700, 9_000, 2_100, 253, 32, 4.5, 0.7),
    LevelClimate(600, 41_200, 6_800, 1_800, 261, 34, 4.5, 0.5),
    LevelClimate(700, 29_500, 4_800, 1_600, 268, 36, 5.0, 0.35),
    LevelClimate(850, 14_300, 2_600, 1_450, 276, 40, 5.5, 0.15),
    LevelClimate(925, 7_500, 1_800, 1_400, 280, 42, 5.5, 0.05),
    LevelClimate(1000, 1_000, 1_200, 1_400, 283, 44, 5.0, 0.0),
)


def level_climate(pressure: float) -> LevelClimate:
    """The climate at any pressure (hPa), interpolated in its logarithm."""
    logs = np.log([level.pressure for level in _LEVELS])
    position = np.log(pressure)

    def at(name: str) -> float:
        return float(np.interp(position, logs, [getattr(level, name) for level in _LEVELS]))

    return LevelClimate(
        pressure=pressure,
        geopotential=at("geopotential"),
        geopotential_contrast=at("geopotential_contrast"),
        geopotential_wave=at("geopotential_wave"),
        temperature=at("temperature"),
        temperature_contrast=at("temperature_contrast"),
        temperature_wave=at("temperature_wave"),
        tilt=at("tilt"),
    )


@dataclass(frozen=True)
class Pattern:
    """A variable that simply follows the travelling waves."""

    kind: Literal["positive", "fraction", "direction", "signed", "sunlit"]
    mean: float = 1.0
    spread: float = 0.5
    """Of a positive variable relative, of a signed one absolute."""
    shift: float = 0.0
    """Phase in radians against the pressure wave."""


SURFACE_PATTERNS: dict[str, Pattern] = {
    "tcc": Pattern("fraction", 0.65, 2.0, 0.8),
    "lcc": Pattern("fraction", 0.45, 2.0, 0.6),
    "mcc": Pattern("fraction", 0.3, 2.0, 0.8),
    "hcc": Pattern("fraction", 0.33, 2.0, 1.0),
    "swvl1": Pattern("fraction", 0.25, 0.3, 0.4),
    "scaled_sd": Pattern("positive", 0.02, 0.4, 1.2),
    "i10fg": Pattern("positive", 9.0, 0.4, 0.9),
    "blh": Pattern("positive", 630.0, 0.6, 1.1),
    "uvb_1h": Pattern("sunlit", 2.5e5),
    "ssrd_1h": Pattern("sunlit", 2.4e6),
    "ttr_1h": Pattern("signed", -8.1e5, 1.5e5, 0.8),
    "scaled_tp_1h": Pattern("positive", 1e-4, 1.0, 0.7),
    "scaled_sf_1h": Pattern("positive", 1e-5, 1.0, 0.9),
    "pm1": Pattern("positive", 6e-9, 0.6, 0.2),
    "pm2p5": Pattern("positive", 9e-9, 0.6, 0.2),
    "pm10": Pattern("positive", 1.5e-8, 0.6, 0.3),
    "tcco": Pattern("positive", 8e-4, 0.2, 0.4),
    "tc_no": Pattern("positive", 4e-7, 0.6, 0.5),
    "tcno2": Pattern("positive", 2e-6, 0.6, 0.5),
    "gtco3": Pattern("positive", 6.4e-3, 0.1, 2.0),
    "tcso2": Pattern("positive", 2e-6, 0.6, 0.6),
    "swh": Pattern("positive", 2.5, 0.4, 0.9),
    "mwd": Pattern("direction", shift=0.3),
    "mwp": Pattern("positive", 8.6, 0.15, 1.2),
    "pp1d": Pattern("positive", 10.6, 0.2, 1.3),
    "shww": Pattern("positive", 1.2, 0.6, 0.7),
    "mdww": Pattern("direction", shift=0.1),
    "mpww": Pattern("positive", 4.2, 0.25, 0.8),
    "shts": Pattern("positive", 2.0, 0.35, 1.3),
    "mdts": Pattern("direction", shift=0.8),
    "mpts": Pattern("positive", 9.5, 0.15, 1.4),
    "swh1": Pattern("positive", 1.8, 0.4, 1.3),
    "mwd1": Pattern("direction", shift=0.9),
    "mwp1": Pattern("positive", 9.9, 0.2, 1.5),
    "swh2": Pattern("positive", 0.7, 0.5, 1.8),
    "mwd2": Pattern("direction", shift=1.6),
    "mwp2": Pattern("positive", 9.0, 0.3, 1.9),
}

ATMOSPHERIC_PATTERNS: dict[str, Pattern] = {
    "w": Pattern("signed", 0.0, 0.3, 0.8),
    "co": Pattern("positive", 1.2e-7, 0.3, 0.3),
    "no": Pattern("positive", 2e-11, 0.6, 0.5),
    "no2": Pattern("positive", 1e-10, 0.6, 0.5),
    "go3": Pattern("positive", 6e-8, 0.3, 2.0),
    "so2": Pattern("positive", 2e-10, 0.6, 0.6),
}

# Static fields beside land, relief and soil: (value at sea, value on land). Of order one even where
# metres would be a hundred times that: Aurora normalises them with location 0 and scale 1.
STATIC_VALUES: dict[str, tuple[float, float]] = {
    "lat_mask": (1.0, 1.0),
    "sdor": (0.0, 1.2),
    "sdfor": (0.0, 0.5),
    "slor": (0.0, 0.03),
    "anor": (0.0, 0.8),
    "isor": (0.0, 0.5),
    "cvh": (0.0, 0.4),
    "cvl": (0.0, 0.5),
    "cl": (0.0, 0.03),
    "dl": (0.0, 1.0),
    "static_ammonia": (0.0, 0.5),
    "static_ammonia_log": (-1.0, 0.5),
    "static_co": (0.0, 0.5),
    "static_co_log": (-1.0, 0.5),
    "static_nox": (0.0, 0.5),
    "static_nox_log": (-1.0, 0.5),
    "static_so2": (0.0, 0.5),
    "static_so2_log": (-1.0, 0.5),
}
