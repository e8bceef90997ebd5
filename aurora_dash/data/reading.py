"""Reading values, one place for all: no helper threads, and a damaged file named in words."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.remote import errors_of
from aurora_dash.errors import DataError, StopAsked
from aurora_dash.spec.urls import redact

Values = NDArray[np.float32]

# What the libraries raise for values that can't be decoded, or that are not of the size promised.
_UNDECODABLE: tuple[type[Exception], ...] = (
    *(OSError, RuntimeError, EOFError, ValueError, TypeError, KeyError, IndexError, SystemError),
    *(MemoryError, zlib.error),
)

_BUDGET_BYTES = 64 * 2**20


def _nobody() -> bool:
    return False


_ASKED: ContextVar[Callable[[], bool]] = ContextVar("asked to stop", default=_nobody)


@contextmanager
def interruptible(asked: Callable[[], bool]) -> Iterator[None]:
    """A block in which reading data, on this thread, ends with `StopAsked` once `asked` says so."""
    token = _ASKED.set(asked)
    try:
        yield
    finally:
        _ASKED.reset(token)


def heed_stop() -> None:
    """`StopAsked` if whoever called for what is under way does not want it any more."""
    if _ASKED.get()():
        raise StopAsked


def read_values(array: xr.DataArray) -> Values:
    """The values of `array` in memory; its lazy original stays lazy.

    Fields are decoded in the calling thread: training has its own use for the other cores.
    `DataError` names variable and file if the file can't be decoded.
    """
    heed_stop()
    source = str(array.attrs.get("source", "its file"))
    try:
        # The variable alone: its coordinates may be lazy too.
        values: Values = array.variable.compute(scheduler="synchronous").values
    except _UNDECODABLE + errors_of(source) as error:
        raise DataError(
            f"{array.name} can't be read from {source}: {redact(str(error))}.",
            remedy="The file may be damaged or may have been moved: check it, or fetch it again.",
        ) from error
    return values


def time_blocks(
    array: xr.DataArray, indices: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], Values]]:
    """Values at the time `indices`, a bounded number of times at once."""
    per_time = 4 * max(1, array.size // max(1, array.sizes["time"]))
    num = max(1, _BUDGET_BYTES // per_time)
    for start in range(0, indices.size, num):
        chosen = indices[start : start + num]
        yield chosen, read_values(array.isel(time=chosen))
