"""Open one file lazily, as it is, with whatever library reads its format.

No field is read here and nothing is written beside the file: for GRIB the index is held in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from aurora_dash.data.classic import HeaderError, promised_size
from aurora_dash.data.findings import Finding
from aurora_dash.data.formats import (
    FileFormat,
    detect_format,
    is_named_otherwise,
    promised_bytes,
)
from aurora_dash.errors import DataError

# Fields are read in blocks of whole times of about this size: small enough to pick single times
# out of a long series, large enough not to drown in blocks.
BLOCK_BYTES = 2**20
_LARGEST_FILE_BLOCK = 32 * 2**20

# netCDF-C crashes the process when a file with strings in it, as the CDS delivers them (expver), is
# opened again while it is open; h5py does not (xarray issue 8289, netcdf4-python issue 1444).
_OPTIONS: dict[str, Any] = {"cache": False, "decode_timedelta": True}

_REPLACE = "Download or copy the file again."


@dataclass(frozen=True, kw_only=True)
class RawPart:
    """One hypercube of a file, with the file's own names and coordinates."""

    dataset: xr.Dataset
    path: Path
    close: Callable[[], None]
    """Gives the file handle back; a later read opens the file again."""


def read_file(path: Path) -> tuple[list[RawPart], list[Finding]]:
    """All hypercubes of a file, lazily; one for NetCDF, one or more for GRIB.

    `DataError` names the file and what it is if it is of another kind, cut short or damaged.
    """
    detected = detect_format(path)
    findings = []
    if is_named_otherwise(path, detected):
        findings.append(
            Finding(
                severity="warning",
                code="name-mismatch",
                message=f"{path.name} is named {path.suffix} but its content is {detected}; "
                "it was read as what it is.",
                remedy="Rename the file so that other programs read it too.",
                where=str(path),
            )
        )
    if detected is FileFormat.GRIB:
        from aurora_dash.data.grib import read_grib

        datasets, notes = read_grib(path)
        findings.extend(notes)
    else:
        datasets = [_read_netcdf(path, detected)]
    parts = [
        RawPart(
            dataset=_in_blocks(dataset, token=f"{path}-{path.stat().st_mtime_ns}-{i}"),
            path=path,
            close=dataset.close,
        )
        for i, dataset in enumerate(datasets)
    ]
    return parts, findings


def _read_netcdf(path: Path, detected: FileFormat) -> xr.Dataset:
    try:
        if detected is FileFormat.NETCDF_CLASSIC:
            _refuse_short_classic(path)
            return xr.open_dataset(path, engine="netcdf4", **_OPTIONS)
        return xr.open_dataset(path, engine="h5netcdf", phony_dims="access", **_OPTIONS)
    except (OSError, RuntimeError) as error:
        raise DataError(_damage(path, detected, error), remedy=_REPLACE) from error
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{path} is {detected}, but its coordinates can't be decoded: {error}.",
            remedy="Check the units and calendar attributes of its time axis.",
        ) from error


def _damage(path: Path, detected: FileFormat, error: Exception) -> str:
    size = path.stat().st_size
    promised = promised_bytes(path) if detected is FileFormat.NETCDF_HDF5 else None
    if promised is not None and promised > size:
        return (
            f"{path} is a {detected} file that was cut short: it holds {size} of the {promised} "
            "bytes that its header promises."
        )
    return f"{path} is a {detected} file, but it is damaged or cut short ({error})."


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


def _in_blocks(dataset: xr.Dataset, *, token: str) -> xr.Dataset:
    chunked = {
        # dask knows a field by its token alone: without the name all would be the same field.
        name: variable.chunk(_block_shape(variable), token=f"{token}-{name}")
        for name, variable in dataset.data_vars.items()
        if variable.ndim > 0
    }
    return dataset.assign(chunked)


def _block_shape(variable: xr.DataArray) -> dict[Hashable, int]:
    """Whole fields, and of the first axis a multiple of the file's own blocks."""
    if variable.ndim < 3:
        return dict(variable.sizes)
    first, *others = variable.dims
    step_bytes = 4
    for dim in others:
        step_bytes *= variable.sizes[dim]
    in_file = variable.encoding.get("preferred_chunks", {}).get(first, 1)
    unit = in_file if in_file * step_bytes <= _LARGEST_FILE_BLOCK else 1
    steps = max(1, BLOCK_BYTES // max(1, unit * step_bytes)) * unit
    return {
        **{dim: variable.sizes[dim] for dim in others},
        first: min(steps, variable.sizes[first]),
    }
