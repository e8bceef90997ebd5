"""Space axes: latitude from north to south, longitude in [0, 360) eastwards, levels in hPa."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.conventions import cf_coordinate
from aurora_dash.data.findings import Finding
from aurora_dash.errors import DataError

Axis = NDArray[np.float64]

_LATITUDE_NAMES = ("latitude", "lat", "nav_lat", "y")
_LONGITUDE_NAMES = ("longitude", "lon", "long", "nav_lon", "x")
_LEVEL_NAMES = (
    "pressure_level",
    "isobaricInhPa",
    "isobaricInPa",
    "level",
    "plev",
    "lev",
    "pressure",
)
_LATITUDE_UNITS = frozenset({"degrees_north", "degree_north", "degrees_n", "degree_n"})
_LONGITUDE_UNITS = frozenset({"degrees_east", "degree_east", "degrees_e", "degree_e"})
_PASCAL_UNITS = frozenset({"pa", "pascal", "pascals"})
_HECTOPASCAL_UNITS = frozenset(
    {"", "1", "hpa", "hectopascal", "hectopascals", "mb", "mbar", "millibar", "millibars"}
)

# Single-precision files give 49.600002 for 49.6; a hundred-thousandth of a degree is one metre.
_DECIMALS = 5
# No pressure level in hPa lies above this; unlabelled values that do are Pa.
_LARGEST_HECTOPASCAL = 1100.0

_REGRID = "Regrid it to a regular latitude-longitude grid, for example with cdo or xarray's interp."


def standard_grid(dataset: xr.Dataset, label: str) -> tuple[xr.Dataset, list[Finding]]:
    """`dataset` with ``latitude`` decreasing and ``longitude`` increasing in [0, 360).

    Fields are reordered with their coordinates, lazily. `DataError` for a grid that is not a
    regular latitude-longitude one, or whose coordinates make no sense.
    """
    latitude = _horizontal(dataset, _LATITUDE_NAMES, _LATITUDE_UNITS, "latitude", label)
    longitude = _horizontal(dataset, _LONGITUDE_NAMES, _LONGITUDE_UNITS, "longitude", label)
    if latitude.ndim == 0:
        dataset = dataset.expand_dims(str(latitude.name))
    if longitude.ndim == 0:
        dataset = dataset.expand_dims(str(longitude.name))
    _require_separate_axes(latitude, longitude, label)
    renames = {str(latitude.name): "latitude", str(longitude.name): "longitude"}
    dataset = dataset.rename({old: new for old, new in renames.items() if old != new})
    dataset, notes = _north_to_south(dataset, label)
    dataset, more = _eastwards(dataset, label)
    return dataset, [*notes, *more]


def standard_level(dataset: xr.Dataset, label: str) -> tuple[xr.Dataset, list[Finding]]:
    """`dataset` with pressure levels as the dimension ``level`` in hPa, in the order of the file.

    A single level that the file holds as a scalar becomes an axis of one. `DataError` for values
    that are no pressures or repeat.
    """
    known = next((name for name in _LEVEL_NAMES if name in dataset.coords), None)
    name = known or cf_coordinate(dataset, "air_pressure")
    if name is None:
        return dataset, []
    units = str(dataset[name].attrs.get("units", "")).strip().lower()
    if units not in _PASCAL_UNITS | _HECTOPASCAL_UNITS:
        return dataset, []
    if dataset[name].ndim == 0:
        dataset = dataset.expand_dims(name)
    dataset = dataset.rename({name: "level"}) if name != "level" else dataset
    values = _rounded(dataset["level"].values, 3)
    findings = []
    if units in _PASCAL_UNITS or (units in ("", "1") and values.max() > _LARGEST_HECTOPASCAL):
        values = _rounded(values / 100.0, 3)
        message = f"{label}: pressure levels were converted from Pa to hPa."
        findings.append(
            Finding(severity="info", code="levels-converted", message=message, where=label)
        )
    if not np.all(np.isfinite(values) & (values > 0)) or np.unique(values).size != values.size:
        raise DataError(
            f"{label}: its pressure levels {_listed(values)} repeat or are no pressures.",
            remedy="Keep each level once, in hPa or Pa.",
        )
    return dataset.assign_coords(level=("level", values)), findings


def spacing(axis: Axis) -> float | None:
    """The even spacing of an axis in degrees, positive; None if it is uneven or has one point."""
    if axis.size < 2:
        return None
    steps = np.abs(np.diff(axis))
    return float(np.median(steps)) if np.ptp(steps) <= 1e-3 * np.median(steps) + 2e-5 else None


def describe_grid(latitude: Axis, longitude: Axis) -> str:
    """Such as ``61 x 61 points, latitude 70 to 55, longitude 5 to 20, 0.25 degrees``."""
    step = spacing(latitude)
    resolution = "uneven spacing" if step is None else f"{step:g} degrees"
    start = longitude_break(longitude)
    west = longitude[0] if start is None else longitude[start] - 360
    east = longitude[-1] if start is None else longitude[start - 1]
    return (
        f"{latitude.size} x {longitude.size} points, latitude {latitude[0]:g} to {latitude[-1]:g}, "
        f"longitude {west:g} to {east:g}, {resolution}"
    )


def longitude_break(longitude: Axis) -> int | None:
    """Index of the first longitude behind a gap in the middle of the axis; None if there is none.

    Such a gap is what is left of a region across Greenwich when its longitudes are brought to
    [0, 360) and sorted: 0 to 10 and 340 to 359.75.
    """
    if longitude.size < 3:
        return None
    steps = np.diff(longitude)
    widest = int(np.argmax(steps))
    return widest + 1 if steps[widest] > 1.5 * np.median(steps) + 1e-4 else None


def _horizontal(
    dataset: xr.Dataset, names: tuple[str, ...], units: frozenset[str], kind: str, label: str
) -> xr.DataArray:
    def is_right(coordinate: xr.DataArray) -> bool:
        return str(coordinate.attrs.get("units", "")).lower() in units

    found = _find(dataset, names[:-1], is_right) or cf_coordinate(dataset, kind)
    found = found or _find(dataset, names[-1:], is_right)
    if found is None:
        present = ", ".join(str(name) for name in dataset.coords) or "none"
        raise DataError(
            f"{label} has no {kind} coordinate (its coordinates: {present}).",
            remedy=f"Give gridded data with a coordinate named {kind}.",
        )
    return dataset.coords[found]


def _find(
    dataset: xr.Dataset, names: tuple[str, ...], is_right: Callable[[xr.DataArray], bool]
) -> str | None:
    for name in names:
        if name in dataset.coords:
            return name
    matching = [str(name) for name, value in dataset.coords.items() if is_right(value)]
    return matching[0] if matching else None


def _require_separate_axes(latitude: xr.DataArray, longitude: xr.DataArray, label: str) -> None:
    if latitude.ndim > 1 or longitude.ndim > 1:
        raise DataError(
            f"{label} is on a curvilinear grid: its {latitude.name} is an array of "
            f"{' x '.join(str(n) for n in latitude.shape)}.",
            remedy=_REGRID,
        )
    dims = (*latitude.dims, *longitude.dims)
    shared = set(latitude.dims) & set(longitude.dims)
    named = {latitude.name, longitude.name} >= set(dims)
    if shared or not named:
        raise DataError(
            f"{label} is on an unstructured or reduced grid: latitude and longitude don't each "
            f"have a dimension of their own ({', '.join(map(str, dims))}).",
            remedy=_REGRID,
        )


def _axis(dataset: xr.Dataset, name: str, label: str) -> Axis:
    values = _rounded(dataset[name].values, _DECIMALS)
    if not np.all(np.isfinite(values)):
        num_missing = int(np.sum(~np.isfinite(values)))
        raise DataError(
            f"{label}: {num_missing} of its {values.size} {name}s are missing.",
            remedy="The file may be damaged: download it again.",
        )
    return values


def _rounded(values: NDArray[np.generic], decimals: int) -> Axis:
    return values.astype(np.float64).round(decimals)


def _north_to_south(dataset: xr.Dataset, label: str) -> tuple[xr.Dataset, list[Finding]]:
    values = _axis(dataset, "latitude", label)
    if np.any(np.abs(values) > 90):
        worst = values[np.argmax(np.abs(values))]
        raise DataError(
            f"{label}: latitude {worst:g} is outside -90 to 90.",
            remedy="Check that latitude and longitude were not exchanged.",
        )
    steps = np.diff(values)
    dataset = dataset.assign_coords(latitude=("latitude", values))
    if np.all(steps < 0):
        return dataset, []
    if np.all(steps > 0):
        message = (
            f"{label}: latitudes ran from south to north ({values[0]:g} to {values[-1]:g}) "
            "and were turned round, with the fields."
        )
        note = Finding(severity="info", code="latitudes-reversed", message=message, where=label)
        return dataset.isel(latitude=slice(None, None, -1)), [note]
    raise DataError(
        f"{label}: its {values.size} latitudes neither rise nor fall throughout "
        f"({_listed(values)}).",
        remedy="Sort the file by latitude and keep each once.",
    )


def _eastwards(dataset: xr.Dataset, label: str) -> tuple[xr.Dataset, list[Finding]]:
    values = _axis(dataset, "longitude", label)
    # A whole turn from any usual start is at most 720; more is another unit or a mistake.
    if np.any(np.abs(values) > 720):
        raise DataError(
            f"{label}: longitude {values[np.argmax(np.abs(values))]:g} makes no sense in degrees.",
            remedy="Give longitudes in degrees east.",
        )
    wrapped = np.round(np.mod(values, 360.0), _DECIMALS) % 360.0
    findings = []
    if not np.array_equal(wrapped, values):
        message = (
            f"{label}: longitudes {values.min():g} to {values.max():g} were brought to [0, 360), "
            "as Aurora needs them, with the fields."
        )
        findings.append(
            Finding(severity="info", code="longitudes-wrapped", message=message, where=label)
        )
    order = np.argsort(wrapped, kind="stable")
    dataset = dataset.assign_coords(longitude=("longitude", wrapped))
    if not np.array_equal(order, np.arange(order.size)):
        dataset = dataset.isel(longitude=order)
    return _without_repeated_meridian(dataset, values, label, findings)


def _without_repeated_meridian(
    dataset: xr.Dataset, original: Axis, label: str, findings: list[Finding]
) -> tuple[xr.Dataset, list[Finding]]:
    wrapped = dataset["longitude"].values
    repeated = np.flatnonzero(np.diff(wrapped) == 0)
    if repeated.size == 0:
        return dataset, findings
    if repeated.size > 1 or abs(np.ptp(original) - 360.0) > 1e-3:
        raise DataError(
            f"{label}: longitude {wrapped[repeated[0]]:g} is there more than once.",
            remedy="Keep each longitude once.",
        )
    message = (
        f"{label}: longitudes {original.min():g} and {original.max():g} are the same meridian; "
        "one of the two columns was dropped."
    )
    keep = np.delete(np.arange(wrapped.size), repeated[0] + 1)
    note = Finding(severity="info", code="meridian-dropped", message=message, where=label)
    return dataset.isel(longitude=keep), [*findings, note]


def _listed(values: Axis) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:6])
    return shown + (", ..." if values.size > 6 else "")
