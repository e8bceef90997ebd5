"""Open one file or store lazily, as it is, with whatever library reads its format.

No field is read here and nothing is written beside the file: for GRIB the index is held in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# Before xarray looks for what can read files: that loads eccodes, which brings a PROJ of its own,
# and a pyproj (Cartopy's) imported after that would be bound to the wrong one and corrupt memory.
import pyproj  # noqa: F401

# isort: split
import xarray as xr

from aurora_dash.data.findings import Finding
from aurora_dash.data.formats import (
    FileFormat,
    detect_format,
    is_named_otherwise,
)
from aurora_dash.data.members import MEMBER_NAMES
from aurora_dash.data.netcdf import read_netcdf
from aurora_dash.data.places import Place, Remote, stamp_of
from aurora_dash.data.times import LEAD_NAMES, TIME_NAMES, within
from aurora_dash.errors import DataError

# Fields are read in blocks of whole times of about this size: small enough to pick single times
# out of a long series, large enough not to drown in blocks.
BLOCK_BYTES = 2**20
_LARGEST_FILE_BLOCK = 32 * 2**20
# One time of the finest analyses there are, 137 levels of 0.1 degree, has 3.5 GB.
_LARGEST_FIELD_BYTES = 8 * 2**30
_MOST_BLOCKS = 3_000_000

_SAMPLE_NAMES = frozenset((*LEAD_NAMES, *MEMBER_NAMES))


Period = tuple[datetime | None, datetime | None]
"""First and last time that are wanted (time-zone aware); None: no limit."""
_Opened = tuple[xr.Dataset, Callable[[], None]]


@dataclass(frozen=True, kw_only=True)
class RawPart:
    """One hypercube of a file, with the file's own names and coordinates."""

    dataset: xr.Dataset
    path: Place
    close: Callable[[], None]
    """Gives the file handle back; a later read opens the file again."""


def read_file(place: Place, period: Period = (None, None)) -> tuple[list[RawPart], list[Finding]]:
    """All hypercubes of a file or store, lazily; one for NetCDF and Zarr, one or more for GRIB.

    A file at an address is read from a copy on this machine; a store chunk by chunk where it is,
    and of a store only the times in `period` are looked at. `DataError` names the file and what
    it is if it is of another kind, cut short or damaged.
    """
    opened, findings = _read(place, period)
    version = "-".join(stamp_of(place))
    parts = [
        RawPart(dataset=_in_blocks(dataset, place, token=f"{version}-{i}"), path=place, close=close)
        for i, (dataset, close) in enumerate(opened)
    ]
    return parts, findings


def read_plain(place: Place) -> list[xr.Dataset]:
    """All hypercubes of a file or store as they are: read by selection, not in blocks of times."""
    opened, _ = _read(place, (None, None))
    return [dataset for dataset, _ in opened]


def _read(place: Place, period: Period) -> tuple[list[_Opened], list[Finding]]:
    if isinstance(place, Remote) and not place.is_store:
        from aurora_dash.data.cache import local_copy

        path, note = local_copy(place)
        opened, findings = _read_local(path, period)
        return opened, [note, *findings]
    if isinstance(place, Remote):
        return [_read_store(place, period)], []
    return _read_local(place, period)


def _read_local(path: Path, period: Period) -> tuple[list[_Opened], list[Finding]]:
    detected = detect_format(path)
    findings = _name_findings(path, detected)
    if detected is FileFormat.ZARR:
        return [_read_store(path, period)], findings
    if detected is FileFormat.GRIB:
        from aurora_dash.data.grib import read_grib

        datasets, notes = read_grib(path)
        return [(dataset, dataset.close) for dataset in datasets], [*findings, *notes]
    dataset = read_netcdf(path, detected)
    return [(dataset, dataset.close)], findings


def _read_store(place: Place, period: Period) -> _Opened:
    from aurora_dash.data.zarr_store import read_zarr

    # No handle is held between reads, but a store that was closed can't be read again.
    return within(read_zarr(place), *period), _nothing_to_close


def _nothing_to_close() -> None:
    """A store's chunks are files of their own, opened and closed with every read."""


def _name_findings(path: Path, detected: FileFormat) -> list[Finding]:
    if not is_named_otherwise(path, detected):
        return []
    return [
        Finding(
            severity="warning",
            code="name-mismatch",
            message=f"{path.name} is named {path.suffix} but its content is {detected}; "
            "it was read as what it is.",
            remedy="Rename the file so that other programs read it too.",
            where=str(path),
        )
    ]


def _in_blocks(dataset: xr.Dataset, place: Place, *, token: str) -> xr.Dataset:
    shapes = {name: _block_shape(v) for name, v in dataset.data_vars.items() if v.ndim > 0}
    _require_bounded(dataset, shapes, place)
    chunked = {
        # dask knows a field by its token alone: without the name all would be the same field.
        name: dataset[name].chunk(shape, token=f"{token}-{name}")
        for name, shape in shapes.items()
    }
    return dataset.assign(chunked)


def _block_shape(variable: xr.DataArray) -> dict[Hashable, int]:
    """Whole fields of single members and leads, and several times where fields are small."""
    if variable.ndim < 3:
        return dict(variable.sizes)
    first = next((dim for dim in variable.dims if dim in TIME_NAMES), variable.dims[0])
    shape = {dim: size for dim, size in variable.sizes.items() if dim != first}
    shape |= dict.fromkeys((dim for dim in shape if dim in _SAMPLE_NAMES), 1)
    step_bytes = 4 * math.prod(shape.values())
    in_file = variable.encoding.get("preferred_chunks", {}).get(first, 1)
    unit = in_file if in_file * step_bytes <= _LARGEST_FILE_BLOCK else 1
    steps = max(1, BLOCK_BYTES // max(1, unit * step_bytes)) * unit
    return {**shape, first: min(steps, variable.sizes[first])}


def _require_bounded(
    dataset: xr.Dataset, shapes: dict[Hashable, dict[Hashable, int]], place: Place
) -> None:
    """Refuse what would take more memory than any field does, before a byte of it is read."""
    num_blocks = 0
    for name, shape in shapes.items():
        field_bytes = 4 * math.prod(shape.values())
        if field_bytes > _LARGEST_FIELD_BYTES:
            raise DataError(
                f"{place}: one time of {name} claims {field_bytes / 1e9:.0f} GB "
                f"({' x '.join(f'{dim} {size}' for dim, size in shape.items())}).",
                remedy="The file may be damaged: fetch it again.",
            )
        num_blocks += math.prod(
            math.ceil(dataset[name].sizes[dim] / max(1, size)) for dim, size in shape.items()
        )
    if num_blocks > _MOST_BLOCKS:
        raise DataError(
            f"{place} holds {num_blocks} fields, more than can be looked at together.",
            remedy="Choose a period with data.start and data.end.",
        )
