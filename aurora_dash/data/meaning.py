"""What the variables of a file stand for: by registered names, known names and CF metadata."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from aurora_dash.errors import SpecError
from aurora_dash.variables import Group, Variable, describe, recognise, split_key

Aliases = Mapping[str, tuple[Group, str]]
"""Name in the files -> group and name of the variable it is to be used as."""

# GRIB levels on which a name such as ``z`` means neither the surface nor a pressure level.
_FOREIGN_LEVELS = frozenset(
    {"hybrid", "hybridLayer", "potentialVorticity", "theta", "isobaricLayer", "tropopause"}
    | {"isothermZero", "depthBelowSea", "sigma", "generalVertical"}
)

# Names of the CF convention's table that leave no doubt, by the kind of level.
_CF_UPPER = {
    "air_temperature": "t",
    "eastward_wind": "u",
    "northward_wind": "v",
    "specific_humidity": "q",
    "relative_humidity": "r",
    "geopotential": "z",
    "geopotential_height": "z",
    "lagrangian_tendency_of_air_pressure": "w",
}
_CF_SURFACE = {
    "air_pressure_at_mean_sea_level": "msl",
    "air_pressure_at_sea_level": "msl",
    "surface_air_pressure": "sp",
    "atmosphere_mass_content_of_water_vapor": "tcwv",
    "atmosphere_boundary_layer_thickness": "blh",
    "sea_ice_area_fraction": "ci",
    "sea_surface_temperature": "sst",
    "lwe_thickness_of_surface_snow_amount": "scaled_sd",
    "sea_surface_wave_significant_height": "swh",
}
_CF_AT_HEIGHT = {
    ("air_temperature", 2): "2t",
    ("dew_point_temperature", 2): "2d",
    ("eastward_wind", 10): "10u",
    ("northward_wind", 10): "10v",
    ("eastward_wind", 100): "100u",
    ("northward_wind", 100): "100v",
}
_CF_STATIC = {
    "surface_geopotential": "z",
    "surface_altitude": "z",
    "land_area_fraction": "lsm",
    "land_binary_mask": "lsm",
}


def standard_name(variable: Variable) -> str | None:
    """The name of the CF convention's table, where there is one that leaves no doubt."""
    if variable.group is Group.ATMOSPHERIC:
        return next((cf for cf, name in _CF_UPPER.items() if name == variable.name), None)
    at_height = next((cf for (cf, _), name in _CF_AT_HEIGHT.items() if name == variable.name), None)
    known = next((cf for cf, name in _CF_SURFACE.items() if name == variable.name), None)
    return at_height or known


def meanings_of(dataset: xr.Dataset, aliases: Aliases) -> dict[str, tuple[Variable, ...]]:
    """For each variable of a file what it stands for: the model's own, a registered one, both.

    A known name goes before CF metadata, and of two variables that CF metadata describes alike
    neither is guessed to be the one. `dataset` has its axes in canonical form.
    """
    found = {str(name): _by_name(dataset[name], str(name), aliases) for name in dataset.data_vars}
    taken = {variable.key for variables in found.values() for variable in variables}
    by_metadata: dict[str, list[str]] = {}
    for name in (name for name, variables in found.items() if not variables):
        variable = _by_standard_name(dataset[name])
        if variable is not None and variable.key not in taken:
            by_metadata.setdefault(variable.key, []).append(name)
    for key, names in by_metadata.items():
        if len(names) == 1:
            group, short = split_key(key)
            found[names[0]] = (describe(short, group),)
    return found


def _by_name(array: xr.DataArray, name: str, aliases: Aliases) -> tuple[Variable, ...]:
    has_levels = "level" in array.dims
    found: dict[str, Variable] = {}
    own = _canonical(name) or _from_table(array, name, has_levels)
    if own is not None and (own.group is Group.ATMOSPHERIC) == has_levels:
        claimed = [source for source, target in aliases.items() if target == (own.group, own.name)]
        if not claimed or name in claimed:
            found[own.key] = own
    if name in aliases:
        group, new_name = aliases[name]
        registered = describe(new_name, group)
        if (group is Group.ATMOSPHERIC) == has_levels:
            found[registered.key] = registered
    return tuple(found.values())


def _canonical(name: str) -> Variable | None:
    try:
        group, short = split_key(name)
    except SpecError:
        return None
    return describe(short, group)


def _from_table(array: xr.DataArray, name: str, has_levels: bool) -> Variable | None:
    if _is_elsewhere(array):
        return None
    names = (name, array.attrs.get("GRIB_cfVarName"), array.attrs.get("GRIB_shortName"))
    for candidate in names:
        variable = recognise(str(candidate), has_levels=has_levels) if candidate else None
        if variable is not None:
            return variable
    return None


def _by_standard_name(array: xr.DataArray) -> Variable | None:
    standard = str(array.attrs.get("standard_name", ""))
    if not standard or _is_elsewhere(array):
        return None
    if "level" in array.dims:
        short = _CF_UPPER.get(standard)
        return None if short is None else describe(short, Group.ATMOSPHERIC)
    if standard in _CF_STATIC:
        return describe(_CF_STATIC[standard], Group.STATIC)
    height = _height(array)
    short = _CF_SURFACE.get(standard)
    if height is not None:
        short = _CF_AT_HEIGHT.get((standard, height), short)
    return None if short is None else describe(short, Group.SURFACE)


def _is_elsewhere(array: xr.DataArray) -> bool:
    return array.attrs.get("GRIB_typeOfLevel") in _FOREIGN_LEVELS


def _height(array: xr.DataArray) -> int | None:
    """Metres above the ground, where a scalar coordinate tells them (CF: ``height``)."""
    for coordinate in array.coords.values():
        is_height = coordinate.attrs.get("standard_name") == "height"
        if coordinate.ndim == 0 and (is_height or coordinate.name == "heightAboveGround"):
            value = float(coordinate.values)
            return round(value) if np.isfinite(value) else None
    return None
