"""The ledger of a training store: which time lies in which slot, whole, and what its moments are.

A file of records of one length, one a slot. A record is written once all fields of its time are
on disk, and carries a checksum of itself: after a kill at any moment, what has a valid record is
whole and the rest is done again. With mean, spread and count of every field at every time, the
statistics of any set of times follow without reading a field.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.data.statistics import Moments
from aurora_dash.data.store.codec import checksum
from aurora_dash.data.store.layout import OWN_FOLDER, Layout
from aurora_dash.data.times import Times
from aurora_dash.errors import DataError

LEDGER_FILE = "steps.bin"
SOURCE_CHARACTERS = 16

Records = NDArray[Any]
"""Structured as `record_type` says."""


@dataclass(frozen=True)
class StepResult:
    """What is recorded of a time that was written."""

    sizes: dict[str, int]
    """By key, bytes of the chunk file."""
    moments: dict[str, Moments]
    """By Aurora's name, such as ``z_500``."""


def ledger_path(folder: Path) -> Path:
    """Where a store keeps its ledger."""
    return folder / OWN_FOLDER / LEDGER_FILE


def statistics_names(layout: Layout) -> tuple[tuple[str, str], ...]:
    """(variable, Aurora's name) in the order of a record's moments."""
    return tuple((key, name) for key in layout.moving for name in layout.statistics_keys(key))


def record_type(layout: Layout) -> np.dtype[Any]:
    """One slot: time in ns since 1970, source, bytes by variable, moments, checksum."""
    return np.dtype(
        [
            ("time", "<i8"),
            ("source", f"S{SOURCE_CHARACTERS}"),
            ("sizes", "<i8", (len(layout.moving),)),
            # Mean, population standard deviation, finite values, others.
            ("moments", "<f8", (len(statistics_names(layout)), 4)),
            ("checksum", "<u4"),
        ]
    )


class Ledger:
    """Writes records, each by itself."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._layout = layout
        self._dtype = record_type(layout)
        self._names = statistics_names(layout)
        path = ledger_path(folder)
        path.touch()
        self._file = path.open("r+b", buffering=0)

    def write(self, slot: int, time: np.datetime64, source: str, result: StepResult) -> None:
        """Say that a time lies whole in a slot."""
        record = np.zeros((), self._dtype)
        record["time"] = time.astype("datetime64[ns]").astype("i8")
        record["source"] = source.encode()
        record["sizes"] = [result.sizes[key] for key in self._layout.moving]
        found = (result.moments[name] for _, name in self._names)
        record["moments"] = [(m.mean, m.std, m.count, m.num_missing) for m in found]
        record["checksum"] = _checksum(record)
        os.pwrite(self._file.fileno(), record.tobytes(), slot * self._dtype.itemsize)

    def forget(self, slot: int) -> None:
        """Say that what lies in a slot counts no longer."""
        if slot * self._dtype.itemsize < os.fstat(self._file.fileno()).st_size:
            nothing = bytes(self._dtype.itemsize)
            os.pwrite(self._file.fileno(), nothing, slot * self._dtype.itemsize)

    def cut(self, num_slots: int) -> None:
        """Drop all slots from `num_slots` on."""
        size = min(os.fstat(self._file.fileno()).st_size, num_slots * self._dtype.itemsize)
        os.ftruncate(self._file.fileno(), size)

    def close(self) -> None:
        """Everything written is on the disk when this returns."""
        os.fsync(self._file.fileno())
        self._file.close()


def read_records(folder: Path, layout: Layout) -> Records:
    """All records in the order of their slots, the torn one at the end left out."""
    path, dtype = ledger_path(folder), record_type(layout)
    try:
        count = path.stat().st_size // dtype.itemsize
        if count == 0:
            return np.zeros(0, dtype)
        # Not mapped into memory: a file that is cut short meanwhile would end the process.
        return np.fromfile(path, dtype, count=count)
    except FileNotFoundError:
        return np.zeros(0, dtype)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from error


def valid_slots(records: Records) -> NDArray[np.bool_]:
    """Which slots hold a record that was written whole."""
    return np.array(
        [_checksum(record) == int(record["checksum"]) for record in records], dtype=bool
    )


def times_of(records: Records) -> Times:
    """The time in each slot."""
    return np.asarray(records["time"]).astype("datetime64[ns]")


def merge_moments(moments: NDArray[np.float64]) -> list[Moments]:
    """Of all times together: (times, names, 4) to one for each name.

    The parallel form of Chan, Golub and LeVeque (1979) for any number of parts: nothing is lost
    to cancellation as it would be with sums of squares.
    """
    means, stds, counts, missing = np.moveaxis(np.asarray(moments, np.float64), -1, 0)
    there = counts > 0
    means, stds = np.where(there, means, 0.0), np.where(there, stds, 0.0)
    total = counts.sum(axis=0)
    divisor = np.maximum(total, 1.0)
    mean = (counts * means).sum(axis=0) / divisor
    squares = (counts * (stds**2 + (means - mean) ** 2)).sum(axis=0)
    std = np.sqrt(squares / divisor)
    return [
        Moments(float(m), float(s), int(n), int(gone)) if n else Moments(num_missing=int(gone))
        for m, s, n, gone in zip(mean, std, total, missing.sum(axis=0), strict=True)
    ]


def _checksum(record: Any) -> int:
    return checksum(record.tobytes()[:-4])
