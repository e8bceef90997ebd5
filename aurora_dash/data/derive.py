"""Inputs that a variant wants and that follow exactly from what files carry."""

from __future__ import annotations

import numpy as np
import xarray as xr

from aurora_dash.data.findings import Finding
from aurora_dash.variables import Group, describe
from aurora_dash.variants import Variant

_WAVE_WIND = ("10u_wave", "10v_wave")


def derive_inputs(dataset: xr.Dataset, variant: Variant) -> tuple[xr.Dataset, list[Finding]]:
    """Add what can be computed, lazily: wind components from speed and direction over waves.

    As `AuroraWave.batch_transform_hook`: the direction `dwi` is where the wind comes from, in
    degrees clockwise from north.
    """
    keys = [describe(name, Group.SURFACE).key for name in _WAVE_WIND]
    given = {"surf_wind", "surf_dwi"} <= set(dataset.data_vars)
    if not given or not set(_WAVE_WIND) <= set(variant.surface) or set(keys) <= set(dataset):
        return dataset, []
    speed, angle = dataset["surf_wind"], np.deg2rad(dataset["surf_dwi"])
    added = {}
    for name, key, part in zip(_WAVE_WIND, keys, (np.sin(angle), np.cos(angle)), strict=True):
        variable = describe(name, Group.SURFACE)
        added[key] = (-speed * part).astype(np.float32).rename(key)
        added[key].attrs = {"units": variable.unit, "long_name": variable.long_name}
    message = "10u_wave and 10v_wave were computed from wind and dwi."
    return dataset.assign(added), [Finding(severity="info", code="derived", message=message)]
