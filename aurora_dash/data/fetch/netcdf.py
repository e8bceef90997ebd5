"""NetCDF files that are written a slab at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.fetch.sources import Wanted
from aurora_dash.variables import Group, describe

_UNIT_OF_LEVELS = "hPa"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which points of the archive are wanted."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    levels: NDArray[np.intp]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    pressure: NDArray[np.float64]


class NetcdfWriter:
    """A NetCDF file that grows by slabs: deflated, a chunk a time step."""

    def __init__(self, path: Path, selection: Selection, times: NDArray[np.datetime64]) -> None:
        import netCDF4

        self._file = netCDF4.Dataset(path, "w", format="NETCDF4")
        self._shape = (len(selection.latitude), len(selection.longitude))
        self._num_levels = len(selection.pressure)
        seconds = times.astype("datetime64[s]").astype(np.int64)
        self._axis("time", seconds, "seconds since 1970-01-01", "i8")
        self._axis("level", selection.pressure, _UNIT_OF_LEVELS, "f8")
        self._axis("latitude", selection.latitude, "degrees_north", "f8")
        self._axis("longitude", selection.longitude, "degrees_east", "f8")

    def __enter__(self) -> NetcdfWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _axis(self, name: str, values: NDArray[Any], units: str, dtype: str) -> None:
        self._file.createDimension(name, len(values))
        variable = self._file.createVariable(name, dtype, (name,))
        variable.units = units
        variable[:] = values

    def add(self, wanted: Wanted, array: xr.DataArray, *, is_static: bool) -> None:
        """Make room for a variable."""
        known = describe(wanted.name, wanted.group)
        upper = wanted.group is Group.ATMOSPHERIC
        dims = ("time", *(("level",) if upper else ()), "latitude", "longitude")
        chunk = (1, *((self._num_levels,) if upper else ()), *self._shape)
        if is_static:
            dims, chunk = dims[1:], chunk[1:]
        variable = self._file.createVariable(
            known.key, "f4", dims, zlib=True, complevel=1, shuffle=True, chunksizes=chunk
        )
        variable.units = str(array.attrs.get("units", known.unit))
        variable.long_name = str(array.attrs.get("long_name", known.long_name))
        variable.source_name = wanted.store_name

    def put(
        self, wanted: Wanted, values: NDArray[np.float32], start: int, *, is_static: bool
    ) -> None:
        """Write values from the time `start` on."""
        variable = self._file[describe(wanted.name, wanted.group).key]
        if is_static:
            variable[:] = values
        else:
            variable[start : start + len(values)] = values
