"""NetCDF files, classic and HDF5, opened lazily once they are known to be sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from aurora_dash.data.classic import HeaderError, promised_size
from aurora_dash.data.formats import FileFormat, promised_bytes
from aurora_dash.data.probe import unsound
from aurora_dash.errors import DataError

# netCDF-C crashes the process when a file with strings in it, as the CDS delivers them (expver), is
# opened again while it is open; h5py does not (xarray issue 8289, netcdf4-python issue 1444).
_OPTIONS: dict[str, Any] = {"cache": False, "decode_timedelta": True}
_REPLACE = "Download or copy the file again."


def read_netcdf(path: Path, detected: FileFormat) -> xr.Dataset:
    """The file lazily, as it is; `detected` says which of the two formats it has.

    `DataError` if it is cut short or damaged, if its coordinates can't be decoded, or if its
    values lie in other files.
    """
    if detected is FileFormat.NETCDF_CLASSIC:
        _refuse_short_classic(path)
    else:
        _refuse_short_hdf5(path)
    problem = unsound(path, detected)
    if problem is not None:
        raise DataError(_damage(path, detected, problem), remedy=_REPLACE)
    try:
        if detected is FileFormat.NETCDF_CLASSIC:
            return xr.open_dataset(path, engine="netcdf4", **_OPTIONS)
        return xr.open_dataset(path, engine="h5netcdf", phony_dims="access", **_OPTIONS)
    except (OSError, RuntimeError, MemoryError) as error:
        raise DataError(_damage(path, detected, error), remedy=_REPLACE) from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"{path} is {detected}, but its coordinates can't be decoded ({error}).",
            remedy="Check the units and calendar attributes of its time axis.",
        ) from error


def _damage(path: Path, detected: FileFormat, problem: object) -> str:
    return f"{path} is a {detected} file, but it is damaged or cut short ({problem})."


def _refuse_short_hdf5(path: Path) -> None:
    size, promised = path.stat().st_size, promised_bytes(path)
    if promised is not None and promised > size:
        raise DataError(
            f"{path} is a {FileFormat.NETCDF_HDF5} file that was cut short: it holds {size} of the "
            f"{promised} bytes that its header promises.",
            remedy=_REPLACE,
        )


def _refuse_short_classic(path: Path) -> None:
    size = path.stat().st_size
    try:
        promised = promised_size(path)
    except HeaderError as error:
        raise DataError(
            f"{path} is a NetCDF classic file whose header is cut short or damaged: {error}.",
            remedy=_REPLACE,
        ) from error
    if promised > size:
        raise DataError(
            f"{path} is a NetCDF classic file that was cut short: it holds {size} of the "
            f"{promised} bytes that its header promises.",
            remedy=_REPLACE,
        )
