"""Forecasts on disk: a Zarr store filled field by field, or a NetCDF file made of one.

Both follow the CF convention, with the names that WeatherBench 2 gives the axes: ``time`` is when a
forecast begins, ``prediction_timedelta`` how far it goes, ``valid_time`` what it is for.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from aurora_dash.data.meaning import standard_name
from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.results import replacing
from aurora_dash.runs.files import cannot_write, utc_now
from aurora_dash.variables import Group, Variable

StoredFields = Mapping[str, NDArray[np.float32]]
"""By canonical name: (H, W), or (L, H, W) with levels."""

LEAD = "prediction_timedelta"
"""Name of the lead time's dimension."""

_WRITTEN = "written"


@dataclass(frozen=True, kw_only=True)
class ForecastAxes:
    """What is to be stored."""

    starts: Times
    lead_hours: tuple[int, ...]
    levels: tuple[float, ...]
    latitudes: NDArray[np.floating[Any]]
    longitudes: NDArray[np.floating[Any]]
    variables: tuple[Variable, ...]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names in the file, as cfgrib gives them, by canonical name."""
        found: dict[str, str] = {}
        for variable in self.variables:
            # A name that begins with a digit is none in many languages: t2m for 2t.
            known = next((a for a in variable.aliases if a.isidentifier()), variable.name)
            name = known if variable.name[0].isdigit() else variable.name
            taken = name in found.values()
            found[variable.key] = f"{name}_{variable.group.value}" if taken else name
        return found

    def dims(self, variable: Variable) -> tuple[str, ...]:
        """Of a variable in the file."""
        level = ("level",) if variable.group is Group.ATMOSPHERIC else ()
        return ("time", LEAD, *level, "latitude", "longitude")


class ForecastStore:
    """Takes forecasts step by step, each whole or not at all, and knows which it has."""

    def __init__(self, path: Path, work: Path | None, axes: ForecastAxes) -> None:
        """`work` is the Zarr store that is filled; None: everything is in `path` already."""
        self.axes = axes
        self._path = path
        self._work = work
        shape = (axes.starts.size, len(axes.lead_hours))
        self.written = np.ones(shape, bool)
        """Which initial times and leads are on disk."""
        if work is not None:
            self._group = zarr.open_group(str(work), mode="r+")
            self.written = np.asarray(self._array(_WRITTEN)[:]).astype(bool)

    @classmethod
    def open(
        cls, path: Path, axes: ForecastAxes, provenance: Mapping[str, str | int]
    ) -> ForecastStore:
        """Begin a file, or go on with one of the same forecasts; `EvaluationError` for another."""
        if path.suffix not in (".zarr", ".nc"):
            raise EvaluationError(
                f"{path.name} does not say in which format to write.",
                remedy="End it with .zarr, or with .nc for NetCDF.",
            )
        is_netcdf = path.suffix == ".nc"
        work = path.with_name(f".{path.name}.part.zarr") if is_netcdf else path
        template = _template(axes, provenance)
        if is_netcdf and path.exists():
            with xr.open_dataset(path, engine="netcdf4", decode_timedelta=True) as existing:
                _require_same(path, existing, template)
            return cls(path, None, axes)
        if work.exists():
            existing = xr.open_zarr(work, chunks=None, decode_timedelta=True)
            _require_same(work, existing, template)
        else:
            _create(work, template, axes)
        return cls(path, work, axes)

    def write(self, start: int, lead: int, fields: StoredFields) -> None:
        """Write all fields of one step, and then that it is there; `RunError` if the disk won't."""
        try:
            for key, name in self.axes.names.items():
                self._array(name)[start, lead] = fields[key]
            self._array(_WRITTEN)[start, lead] = 1
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self.written[start, lead] = True

    def read(self, start: int, lead: int) -> StoredFields:
        """The fields of one step that was written."""
        return {
            key: np.asarray(self._array(name)[start, lead]) for key, name in self.axes.names.items()
        }

    def finish(self) -> None:
        """Make the file of what was written, if it is to be one; nothing is read whole."""
        if self._work is None or self._work == self._path:
            return
        import dask

        with xr.open_zarr(self._work, decode_timedelta=True) as dataset:
            encoding = {
                name: {"zlib": True, "complevel": 1, "chunksizes": _field_chunk(dataset[name])}
                for name in self.axes.names.values()
            }
            plain = dataset.drop_vars(_WRITTEN).drop_encoding()
            with replacing(self._path) as beside, dask.config.set(scheduler="synchronous"):
                plain.to_netcdf(beside, engine="netcdf4", encoding=encoding)
        shutil.rmtree(self._work)

    def _array(self, name: str) -> Any:
        # Indexing a zarr array is typed for every selection there is; a step is one of them.
        return self._group[name]


def _field_chunk(array: xr.DataArray) -> tuple[int, ...]:
    return (*[1] * (array.ndim - 2), *array.shape[-2:])


def _create(work: Path, template: xr.Dataset, axes: ForecastAxes) -> None:
    """Coordinates and attributes; the fields are missing values that take no space."""
    beside = work.with_name(f"{work.name}.new")
    encoding: dict[str, Any] = {
        name: {"chunks": _field_chunk(template[name]), "_FillValue": np.float32(np.nan)}
        for name in axes.names.values()
    }
    encoding[_WRITTEN] = {"chunks": (1, len(axes.lead_hours))}
    try:
        shutil.rmtree(beside, ignore_errors=True)
        # Version 2 is what WeatherBench 2 has and what most readers know.
        template.to_zarr(beside, compute=False, zarr_format=2, consolidated=True, encoding=encoding)
        beside.rename(work)
    except OSError as error:
        raise cannot_write(work, error) from error


def _require_same(path: Path, existing: xr.Dataset, template: xr.Dataset) -> None:
    # A NetCDF file is whole, and so has no record of what has been written.
    differing = [
        str(name)
        for name in template.variables
        if name != _WRITTEN and name not in existing.variables
    ] or [
        str(name)
        for name in template.coords
        if not np.array_equal(existing[name].values, template[name].values)
    ]
    if existing.attrs.get("identity") != template.attrs["identity"] or differing:
        what = f" (differing: {', '.join(differing)})" if differing else ""
        raise EvaluationError(
            f"{path} holds other forecasts: {existing.attrs.get('title', 'of unknown origin')}"
            f"{what}.",
            remedy="Choose another output, or delete that one.",
        )


def _template(axes: ForecastAxes, provenance: Mapping[str, str | int]) -> xr.Dataset:
    import dask.array

    # They have no types.
    full: Any = dask.array.full

    sizes = {
        "time": axes.starts.size,
        LEAD: len(axes.lead_hours),
        "level": len(axes.levels),
        "latitude": axes.latitudes.size,
        "longitude": axes.longitudes.size,
    }
    data: dict[str, Any] = {}
    for variable in axes.variables:
        dims = axes.dims(variable)
        shape = tuple(sizes[dim] for dim in dims)
        chunks = (*[1] * (len(shape) - 2), *shape[-2:])
        empty = full(shape, np.nan, dtype=np.float32, chunks=chunks)
        data[axes.names[variable.key]] = (dims, empty, _attributes(variable))
    flags = full((sizes["time"], sizes[LEAD]), 0, dtype=np.int8, chunks=(1, -1))
    data[_WRITTEN] = (("time", LEAD), flags, {"long_name": "whether a step has been written"})
    identity = json.dumps({k: v for k, v in provenance.items() if k != "source"}, sort_keys=True)
    attributes = {
        "Conventions": "CF-1.10",
        **provenance,
        "history": f"{utc_now():%Y-%m-%dT%H:%M:%SZ}: begun by aurora-dash rollout",
        "identity": identity,
    }
    return xr.Dataset(data, _coordinates(axes), attributes)


def _coordinates(axes: ForecastAxes) -> dict[str, Any]:
    leads = np.array(axes.lead_hours).astype("timedelta64[h]").astype("timedelta64[ns]")
    coordinates: dict[str, Any] = {
        "time": ("time", axes.starts, {
            "standard_name": "forecast_reference_time", "axis": "T",
            "long_name": "initial time (UTC)"}),
        LEAD: (LEAD, leads, {"standard_name": "forecast_period", "long_name": "lead time"}),
        "valid_time": (("time", LEAD), axes.starts[:, None] + leads, {
            "standard_name": "time", "long_name": "valid time (UTC)"}),
        "latitude": ("latitude", axes.latitudes, {
            "standard_name": "latitude", "units": "degrees_north", "axis": "Y"}),
        "longitude": ("longitude", axes.longitudes, {
            "standard_name": "longitude", "units": "degrees_east", "axis": "X"}),
    }  # fmt: skip
    if any(variable.group is Group.ATMOSPHERIC for variable in axes.variables):
        attributes = {"standard_name": "air_pressure", "units": "hPa", "positive": "down"}
        coordinates["level"] = ("level", np.array(axes.levels), {**attributes, "axis": "Z"})
    return coordinates


def _attributes(variable: Variable) -> dict[str, str]:
    """What CF readers go by, and the keys by which cfgrib and earthkit know GRIB's names."""
    attributes = {"long_name": variable.long_name, "GRIB_shortName": variable.name}
    if variable.unit != "?":
        attributes["units"] = attributes["GRIB_units"] = variable.unit
    if variable.group is Group.ATMOSPHERIC:
        attributes["GRIB_typeOfLevel"] = "isobaricInhPa"
    if (standard := standard_name(variable)) is not None:
        attributes["standard_name"] = standard
    return attributes
