"""Zarr stores, version 2 and 3: folders, zip files, or object stores, read chunk by chunk."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.errors import BaseZarrError
from zarr.storage import FsspecStore, LocalStore, ZipStore

from aurora_dash.data.places import Place, Remote
from aurora_dash.data.remote import errors_of, filesystem, unreachable
from aurora_dash.errors import DataError

# By these codecs a chunk is a program that runs when it is read.
_UNSAFE_CODECS = ('"pickle"', '"numcodecs.pickle"')
# Coordinates are read whole when a store is opened: 80 million numbers are 640 MB.
_LONGEST_AXIS = 80_000_000
_LARGEST_CHUNK_BYTES = 4 * 2**30

# What the libraries raise for metadata or chunks that make no sense.
_DAMAGE: tuple[type[Exception], ...] = (
    *(BaseZarrError, OSError, RuntimeError, EOFError, MemoryError, OverflowError, SystemError),
    *(ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError),
)


def read_zarr(place: Place) -> xr.Dataset:
    """The group at `place`, lazily, as it is; nothing but metadata and coordinates is read.

    `DataError` if it is damaged, has no arrays, or its chunks could run code when read.
    """
    try:
        store = _store(place)
        group = zarr.open_group(store, mode="r")
        arrays = dict(group.arrays())
        _require_arrays(place, group, arrays)
        for name, array in arrays.items():
            _require_sane(place, name, array)
        consolidated = group.metadata.consolidated_metadata is not None
        return xr.open_dataset(
            store,  # type: ignore[arg-type]
            engine="zarr",
            cache=False,
            decode_timedelta=True,
            consolidated=consolidated,
            zarr_format=group.metadata.zarr_format,
        )
    except _DAMAGE + errors_of(str(place)) as error:
        raise _refused(place, error) from error


def _refused(place: Place, error: BaseException) -> DataError:
    if isinstance(place, Remote) and not isinstance(error, (KeyError, TypeError, BaseZarrError)):
        return unreachable(place.url, error)
    return DataError(
        f"{place} is a Zarr store, but its metadata or coordinates can't be read "
        f"({type(error).__name__}: {error}).",
        remedy="Copy the store again, or check the attributes of its time axis.",
    )


def _store(place: Place) -> Store:
    if isinstance(place, Remote):
        files = filesystem(place, asynchronous=True)
        root = place.url if place.scheme in ("http", "https") else files._strip_protocol(place.url)
        return FsspecStore(files, read_only=True, path=root)
    if place.is_file():
        return ZipStore(place, mode="r")
    return LocalStore(place, read_only=True)


def _require_arrays(place: Place, group: zarr.Group, arrays: dict[str, Any]) -> None:
    if arrays:
        return
    groups = sorted(group.group_keys())
    if groups:
        raise DataError(
            f"{place} is a Zarr group without arrays; below it are {', '.join(groups[:8])}.",
            remedy=f"Give one of these, such as {place}/{groups[0]}.",
        )
    remedy = "Write the store anew."
    if isinstance(place, Remote):
        remedy = "A server that can't list folders needs consolidated metadata: write that with "
        remedy += "zarr.consolidate_metadata."
    raise DataError(f"{place} is a Zarr group in which no array was found.", remedy=remedy)


def _require_sane(place: Place, name: str, array: Any) -> None:
    described = json.dumps(array.metadata.to_dict(), default=str)
    if any(codec in described for codec in _UNSAFE_CODECS):
        raise DataError(
            f"{place}: {name} is stored as Python pickles.",
            remedy="Pickles are never opened: they can run code. Write the store without them.",
        )
    if array.ndim == 1 and array.shape[0] > _LONGEST_AXIS:
        raise DataError(
            f"{place}: {name} claims {array.shape[0]} values on one axis, which no grid or period "
            "has.",
            remedy="The store may be damaged: copy it again.",
        )
    chunk_bytes = math.prod(array.chunks) * np.dtype(array.dtype).itemsize
    if chunk_bytes > _LARGEST_CHUNK_BYTES:
        raise DataError(
            f"{place}: a chunk of {name} claims {chunk_bytes / 1e9:.0f} GB.",
            remedy="Write the store with chunks of single times, or copy it again if damaged.",
        )


def missing_chunks(path: Path, name: str) -> tuple[int, int] | None:
    """How many chunks of an array on this machine have no file, of how many.

    A chunk without a file reads as the array's fill value, without an error. None where it can't
    be told from the names of files: chunks held together in shards or in a zip file.
    """
    if not (path / name).is_dir():
        return None
    array = zarr.open_group(LocalStore(path, read_only=True), mode="r")[name]
    if not isinstance(array, zarr.Array) or array.shards is not None:
        return None
    expected = math.prod(math.ceil(n / c) for n, c in zip(array.shape, array.chunks, strict=True))
    there = sum(1 for _ in _chunk_files(path / name))
    return max(0, expected - there), expected


def _chunk_files(folder: Path) -> Iterator[Path]:
    for entry in folder.rglob("*"):
        if entry.is_file() and not entry.name.startswith(".z") and entry.name != "zarr.json":
            yield entry
