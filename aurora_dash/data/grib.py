"""GRIB through cfgrib: one scan of the file, one lazy hypercube per variable and kind of level.

cfgrib's own `open_datasets` scans the file once more for every variable and skips damaged
messages; here the index of one scan serves all, and a damaged message is an error.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before eccodes, which loads a PROJ of its own for the whole process: a pyproj (Cartopy's) imported
# after that would be bound to the wrong one and corrupt memory.
import pyproj  # noqa: F401

# isort: split
import numpy as np
import xarray as xr
from cfgrib.cfmessage import COMPUTED_KEYS
from cfgrib.dataset import (
    DatasetBuildError,
    OnDiskArray,
    compute_index_keys,
    open_fileindex,
    open_from_index,
)
from cfgrib.messages import FileIndex, FileStream
from eccodes import CodesInternalError  # type: ignore[import-untyped]
from xarray.backends import BackendArray
from xarray.backends.locks import SerializableLock
from xarray.core import indexing

from aurora_dash.data.findings import Finding
from aurora_dash.data.probe import unsound
from aurora_dash.errors import DataError

# What tells one hypercube of a file from another, beside its coordinates.
_SPLIT_KEYS = ("paramId", "typeOfLevel", "md5GridSection", "stepType", "dataType")
_LENGTH_KEY = "totalLength"
_HORIZONTAL = frozenset({"latitude", "longitude", "x", "y", "values"})
# What cfgrib and xarray raise for messages whose headers contradict each other.
_NO_GRID = (
    *(DatasetBuildError, CodesInternalError, ValueError, KeyError, TypeError, IndexError),
    *(AttributeError, OverflowError, MemoryError, AssertionError, ZeroDivisionError),
)
_REPLACE = "Download or copy the file again."

# One lock for all files: ecCodes' handles are not safe across threads everywhere.
_ECCODES_LOCK = SerializableLock()


def read_grib(path: Path) -> tuple[list[xr.Dataset], list[Finding]]:
    """All hypercubes of a GRIB file, lazily, with cfgrib's names and coordinates.

    Writes no index file. `DataError` if the file is cut short or a message can't be decoded.
    """
    problem = unsound(path, "GRIB")
    if problem is not None:
        raise DataError(f"{path} is a GRIB file that is damaged ({problem}).", remedy=_REPLACE)
    index = _scan(path)
    parts = list(_hypercubes(index))
    try:
        datasets = [_to_xarray(part) for part in parts]
    except _NO_GRID as error:
        raise DataError(
            f"{path} is GRIB, but its messages don't make up a grid: {error}.",
            remedy="Split it by variable and level type, for example with grib_copy.",
        ) from error
    uneven = [_uneven(path, *pair) for pair in zip(parts, datasets, strict=True)]
    notes = [note for note in uneven if note is not None]
    return datasets, [*_gaps(path, index), *_repetitions(path, index), *notes]


def _scan(path: Path) -> FileIndex:
    keys = [*compute_index_keys(), _LENGTH_KEY]
    try:
        return open_fileindex(
            FileStream(str(path), errors="raise"),
            indexpath="",
            index_keys=keys,
            computed_keys=COMPUTED_KEYS,
        )
    except (CodesInternalError, EOFError, ValueError, KeyError, MemoryError) as error:
        raise DataError(
            f"{path} is a GRIB file that was cut short or damaged ({error}).", remedy=_REPLACE
        ) from error


def _hypercubes(index: FileIndex) -> Iterator[FileIndex]:
    positions = [index.index_keys.index(key) for key in _SPLIT_KEYS]
    kinds = {tuple(header[p] for p in positions): None for header, _ in index.iter_index()}
    for kind in kinds:
        yield index.subindex(dict(zip(_SPLIT_KEYS, kind, strict=True)))


def _to_xarray(index: FileIndex) -> xr.Dataset:
    decoded = open_from_index(index, errors="raise")
    variables = {
        name: xr.Variable(
            variable.dimensions,
            _lazy(variable.data),
            variable.attributes,
        )
        for name, variable in decoded.variables.items()
    }
    dataset = xr.decode_cf(xr.Dataset(variables), decode_timedelta=True)
    return dataset.set_coords([n for n, v in decoded.variables.items() if not _is_on_disk(v.data)])


def _is_on_disk(data: object) -> bool:
    return isinstance(data, OnDiskArray)


def _lazy(data: Any) -> Any:
    return indexing.LazilyIndexedArray(_GribArray(data)) if _is_on_disk(data) else data


class _GribArray(BackendArray):
    """xarray's view of fields that stay in the file until they are indexed."""

    def __init__(self, array: OnDiskArray) -> None:
        self.shape = array.shape
        self.dtype = array.dtype
        self._array = array

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray[Any, Any]:
        values: np.ndarray[Any, Any] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )
        return values

    def _read(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        with _ECCODES_LOCK:
            try:
                return np.asarray(self._array[key])
            except CodesInternalError as error:
                raise OSError(f"a GRIB message can't be decoded ({error})") from error


def _gaps(path: Path, index: FileIndex) -> list[Finding]:
    """ecCodes looks for the next message and passes over bytes that are none, without a word."""
    position = index.index_keys.index(_LENGTH_KEY)
    lengths: dict[int, int] = {}
    for header, fields in index.iter_index():
        for field in fields:
            lengths[field[0] if isinstance(field, tuple) else field] = int(header[position])
    unread = path.stat().st_size - sum(lengths.values())
    if unread <= 0:
        return []
    return [
        Finding(
            severity="warning",
            code="unread-bytes",
            message=f"{path.name}: {unread} bytes belong to no GRIB message; they were ignored.",
            remedy="Unless these are bulletin headers the file may be damaged: fetch it again.",
            where=str(path),
        )
    ]


def _uneven(path: Path, index: FileIndex, dataset: xr.Dataset) -> Finding | None:
    """A file that was cut between two messages, or lacks one, fills no whole hypercube."""
    position = index.index_keys.index(_LENGTH_KEY)
    found = len({h[:position] + h[position + 1 :] for h, _ in index.iter_index()})
    names = [str(name) for name in dataset.data_vars]
    expected = sum(
        math.prod(size for dim, size in dataset[name].sizes.items() if dim not in _HORIZONTAL)
        for name in names
    )
    if found >= expected:
        return None
    return Finding(
        severity="warning",
        code="messages-missing",
        message=f"{path.name}: {', '.join(names)} has {found} fields, but its times, levels and "
        f"members make {expected}; those that are not there read as missing values.",
        remedy="The file may have been cut short between two messages: fetch it again.",
        where=str(path),
    )


def _repetitions(path: Path, index: FileIndex) -> list[Finding]:
    position = index.index_keys.index(_LENGTH_KEY)
    counts: Counter[tuple[Any, ...]] = Counter()
    for header, fields in index.iter_index():
        counts[header[:position] + header[position + 1 :]] += len(fields)
    repeated = sum(1 for count in counts.values() if count > 1)
    if not repeated:
        return []
    return [
        Finding(
            severity="warning",
            code="repeated-messages",
            message=f"{path.name}: {repeated} of {len(counts)} fields are there more than once; "
            "one of each was used.",
            remedy="Check that files were not joined twice.",
            where=str(path),
        )
    ]
