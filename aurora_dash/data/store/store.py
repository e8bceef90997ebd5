"""A prepared training store as a canonical data set, its fields still on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.findings import Finding
from aurora_dash.data.open import OpenedData
from aurora_dash.data.reading import Values
from aurora_dash.data.roots import resolve_inside_roots
from aurora_dash.data.store.codec import expect_chunk, read_chunk, verify_chunk
from aurora_dash.data.store.layout import (
    OWN_FOLDER,
    Layout,
    around_slot,
    chunk_path,
    static_path,
)
from aurora_dash.data.store.ledger import read_records, times_of, valid_slots
from aurora_dash.data.store.manifest import (
    MANIFEST_FILE,
    Manifest,
    is_training_store,
    read_manifest,
)
from aurora_dash.data.times import Times, format_time
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec

MARK = "training_store"
"""Attribute of variables whose values are those of a store, with the store's folder."""

_Key = tuple[slice, ...]


@dataclass(frozen=True)
class TrainingStore:
    """A whole store."""

    folder: Path
    manifest: Manifest
    layout: Layout
    times: Times
    """Increasing."""
    slots: NDArray[np.intp]
    """Where each of `times` lies."""
    records: NDArray[Any]
    """The ledger, by slot."""

    def read(self, key: str, index: int, out: Values) -> None:
        """Fill `out` with a variable at the `index`-th time, all levels and all of the grid."""
        read_chunk(self._path(key, index), out, self.layout.codec)

    def expect(self, key: str, index: int) -> None:
        """Have the system begin to fetch what `read` is soon asked for."""
        expect_chunk(self._path(key, index))

    def _path(self, key: str, index: int) -> str:
        before, after = self._around_slots[key]
        return f"{before}{self.slots[index]}{after}"

    @cached_property
    def _around_slots(self) -> dict[str, tuple[str, str]]:
        # Building a path part by part takes as long as reading a small field.
        return {key: around_slot(self.folder, self.layout, key) for key in self.layout.moving}

    def dataset(self) -> xr.Dataset:
        """The canonical data set; fields are read, and their checksums verified, when asked for."""
        coordinates: dict[str, Any] = {
            "time": self.times,
            "latitude": np.array(self.layout.latitude),
            "longitude": np.array(self.layout.longitude),
        }
        if self.layout.level:
            coordinates["level"] = np.array(self.layout.level)
        arrays = {
            key: xr.DataArray(
                self._lazy(key),
                dims=self.layout.dims(key),
                attrs={**attributes, "source": str(self.folder), MARK: str(self.folder)},
            )
            for key, attributes in self.layout.attributes.items()
        }
        attributes = {"synthetic": 1} if self.layout.synthetic else {}
        return xr.Dataset(arrays, coordinates, attributes)

    def _lazy(self, key: str) -> da.Array:
        fields = _Fields(self, key)
        step = self.layout.step_shape(key)
        chunks = (1, *step) if fields.ndim > len(step) else step
        name = f"{self.folder}-{self.manifest.provenance.updated}-{key}"
        array: da.Array = da.from_array(  # type: ignore[no-untyped-call]
            fields, chunks=chunks, name=name, fancy=False, lock=False
        )
        return array

    def verify(self) -> int:
        """Read all files and check their checksums; bytes read. `DataError` names the first that
        is damaged."""
        done = sum(verify_chunk(static_path(self.folder, key)) for key in self.layout.static)
        for slot in self.slots.tolist():
            for key in self.layout.moving:
                done += verify_chunk(chunk_path(self.folder, self.layout, key, slot))
        return done


class _Fields:
    """A variable of a store as dask wants to see it."""

    def __init__(self, store: TrainingStore, key: str) -> None:
        step = store.layout.step_shape(key)
        self._store, self._key = store, key
        self._is_static = key in store.layout.static
        self.shape = step if self._is_static else (store.times.size, *step)
        self.ndim = len(self.shape)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, wanted: _Key) -> Values:
        """Values of slices of the variable's dimensions."""
        if self._is_static:
            plane: Values = np.empty(self.shape, np.float32)
            path = static_path(self._store.folder, self._key)
            read_chunk(path, plane, self._store.layout.codec)
            return plane[wanted]
        indices = range(*wanted[0].indices(self.shape[0]))
        values: Values = np.empty((len(indices), *self.shape[1:]), np.float32)
        for position, index in enumerate(indices):
            self._store.read(self._key, index, values[position])
        return values[(slice(None), *wanted[1:])]


def open_store(folder: Path) -> TrainingStore:
    """The store in a folder; `DataError` if it is not whole, or damaged as a whole.

    No field is read.
    """
    path = folder / OWN_FOLDER / MANIFEST_FILE
    try:
        return _open(folder, path.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from error


@lru_cache(maxsize=8)
def _open(folder: Path, stamp: int) -> TrainingStore:
    manifest = read_manifest(folder)
    layout = Layout.from_dict(manifest.layout)
    records = read_records(folder, layout)
    whole = int(valid_slots(records).sum())
    if not manifest.complete or whole != manifest.num_times:
        raise DataError(
            f"The training store {folder} is not whole: {whole} of its {manifest.num_times} times "
            "are written.",
            remedy="Prepare it again with the same command: it goes on where it stopped.",
        )
    times = times_of(records)
    slots = np.argsort(times)
    return TrainingStore(folder, manifest, layout, times[slots], slots, records)


def prepared_store(paths: Sequence[str], roots: Sequence[Path] | None) -> Path | None:
    """The folder of the training store that `paths` name alone; None if they name anything else.

    Beside other files, a store is read as the Zarr store that it is. `PathError` for a store
    outside `roots`.
    """
    if len(paths) != 1 or "://" in paths[0]:
        return None
    folder = Path(paths[0]).expanduser().absolute()
    if not is_training_store(folder):
        return None
    return folder if roots is None else resolve_inside_roots(str(folder), roots)


def open_prepared(folder: Path, needed: Sequence[str]) -> OpenedData:
    """A store as opened data; what it lacks of the variables `needed` (keys) is a finding."""
    store = open_store(folder)
    source = store.manifest.provenance
    message = (
        f"{folder.name} is a training store of {store.times.size} times, "
        f"{format_time(store.times[0])} to {format_time(store.times[-1])}, prepared "
        f"{source.updated} from {len(source.sources) or 'generated data, no'} "
        f"file{'' if len(source.sources) == 1 else 's'}."
    )
    findings = [Finding(severity="info", code="prepared", message=message, where=str(folder))]
    findings += [
        Finding(
            severity="warning",
            code="not-in-store",
            message=f"The training store {folder.name} was prepared without {key}.",
            remedy="Prepare it again from the original files with this variable in the spec, "
            "or give those files instead.",
            variable=key,
        )
        for key in needed
        if key not in store.layout.attributes
    ]
    return OpenedData(
        dataset=store.dataset(),
        findings=tuple(findings),
        files=(folder,),
        coverage={folder: store.times},
        attribution=source.attribution,
        remedies=DataSpec.build({"remedies": store.manifest.recipe.remedies}).remedies,
    )
