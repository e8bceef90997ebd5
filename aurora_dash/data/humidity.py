"""Specific humidity from relative humidity, as ECMWF defines it."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from aurora_dash.errors import DataError

_EPSILON = 287.0597 / 461.5250
_TRIPLE, _ICE = 273.16, 250.16


def specific_humidity(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with ``atmos_q`` (relative humidity in %) made specific (kg kg-1), lazily.

    Saturation is over water above 0 degC, over ice below -23 degC and mixed between, as in the
    IFS documentation, part IV, equations 7.4 to 7.6 and 7.93 (Teten's formula). `DataError` if
    there is no ``atmos_t`` to compute it with.
    """
    if "atmos_t" not in dataset:
        raise DataError(
            "atmos_q can't be made specific: there is no atmos_t in the data.",
            remedy="Give the temperature on the same levels, or specific humidity.",
        )
    old = dataset["atmos_q"]
    temperature, pressure = dataset["atmos_t"].astype(np.float64), dataset["level"] * 100.0
    vapour = old / 100.0 * saturation_pressure(temperature)
    specific = _EPSILON * vapour / (pressure - (1 - _EPSILON) * vapour)
    values = specific.transpose(*old.dims).astype(np.float32)
    return dataset.assign(atmos_q=values.assign_attrs({**old.attrs, "units": "kg kg-1"}))


def saturation_pressure(temperature: Any) -> Any:
    """Saturation vapour pressure (Pa) at a temperature (K), over water, ice or both."""
    water = 611.21 * np.exp(17.502 * (temperature - _TRIPLE) / (temperature - 32.19))
    ice = 611.21 * np.exp(22.587 * (temperature - _TRIPLE) / (temperature + 0.7))
    share = ((temperature - _ICE) / (_TRIPLE - _ICE)).clip(0.0, 1.0) ** 2
    return share * water + (1 - share) * ice
