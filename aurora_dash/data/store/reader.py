"""Fields of a training store straight from its files, past xarray and dask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.reading import Values
from aurora_dash.data.store.store import MARK, open_store


class StoredField(NamedTuple):
    """A variable of a data set that is read from a store; times are given by their index."""

    read: Callable[[int, Values], None]
    """Fills an array with the field of a time."""
    expect: Callable[[int], None]
    """Has the system begin to fetch that of a time, which is to be read soon."""


class _Scratch(threading.local):
    """A thread's own memory for a whole field of which only a part is wanted."""

    def __init__(self) -> None:
        self._values: Values = np.empty(0, np.float32)

    def of(self, shape: tuple[int, ...]) -> Values:
        size = int(np.prod(shape))
        if self._values.size < size:
            self._values = np.empty(size, np.float32)
        return self._values[:size].reshape(shape)


_scratch = _Scratch()


def stored_field(dataset: xr.Dataset, key: str) -> StoredField | None:
    """How to read a variable of a canonical data set from its store; None if it is of none.

    The data set may be cut to some of the store's times and levels and to a part of its grid.
    """
    array = dataset[key]
    folder = array.attrs.get(MARK)
    if folder is None or "time" not in array.dims:
        return None
    store = open_store(Path(folder))
    layout = store.layout
    indices = np.searchsorted(store.times, dataset["time"].values)
    whole = layout.step_shape(key)
    part = tuple(
        _positions(np.array(getattr(layout, name)), dataset[name].values)
        for name in layout.dims(key)[1:]
    )
    is_whole = all(
        np.array_equal(positions, np.arange(size))
        for positions, size in zip(part, whole, strict=True)
    )
    slices = [_as_slice(positions) for positions in part]
    chosen = tuple(slices) if all(slices) else np.ix_(*part)

    def read_whole(index: int, out: Values) -> None:
        store.read(key, int(indices[index]), out)

    def read_part(index: int, out: Values) -> None:
        values = _scratch.of(whole)
        store.read(key, int(indices[index]), values)
        np.copyto(out, values[chosen])

    def expect(index: int) -> None:
        store.expect(key, int(indices[index]))

    return StoredField(read_whole if is_whole else read_part, expect)


def _positions(held: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where each wanted coordinate lies among those held."""
    order = np.argsort(held)
    return order[np.searchsorted(held, wanted, sorter=order)]


def _as_slice(positions: NDArray[np.intp]) -> slice | None:
    """The same positions as a slice, of which no copy is made; None if they have gaps."""
    start = int(positions[0])
    run = np.arange(start, start + positions.size)
    return slice(start, start + positions.size) if np.array_equal(positions, run) else None
