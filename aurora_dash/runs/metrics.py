"""``metrics.jsonl``: written one line a step, followed by offset, held as columns.

`schema.METRICS_FIELDS` says what the fields mean. A run that was resumed from an older checkpoint
repeats some steps: the file keeps both, `MetricsTable` shows the newer.
"""

from __future__ import annotations

import functools
import math
import numbers
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.runs.lines import LineReader, LineWriter, Record
from aurora_dash.runs.schema import METRICS_VERSION

FloatArray = NDArray[np.float64]
Value = float | int | str | None

_NOT_COLUMNS = frozenset({"schema", "split", "nonfinite"})
_FIRST_CAPACITY = 256
_CACHED_TABLES = 256


class MetricsWriter(LineWriter):
    """Appends records to ``metrics.jsonl``; only the run's owner may hold one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._waiting: deque[dict[str, Any]] = deque()

    def write(self, record: Mapping[str, Value]) -> None:
        """Append one record, which needs at least `step` and `split`. One that finds no room
        stays in memory until `flush` succeeds.

        Adds `schema` and, unless given, `time`. A value that is NaN or infinite is written as
        null and named in `nonfinite`, since JSON has no such numbers.
        """
        if "step" not in record or "split" not in record:
            raise ValueError(f"a metrics record needs step and split, got {sorted(record)}")
        plain: dict[str, Value | list[str]] = {"schema": METRICS_VERSION, "time": time.time()}
        nonfinite = []
        for key, value in record.items():
            plain[key] = _plain(value)
            if plain[key] is None and value is not None:
                nonfinite.append(key)
        if nonfinite:
            plain["nonfinite"] = nonfinite
        self._waiting.append(plain)
        self.flush()

    def flush(self) -> None:
        """Write the records that wait, in their order; `DiskFullError` if there is no room."""
        while self._waiting:
            self.write_line(self._waiting[0])
            self._waiting.popleft()


def _plain(value: Any) -> Value:
    """A value that JSON can hold; numpy's and torch's numbers become Python's."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


class MetricsReader(LineReader):
    """Follows ``metrics.jsonl`` by byte offset."""


class _Columns:
    """Growing numpy columns of one split; NaN where a record lacks a value."""

    def __init__(self) -> None:
        self.size = 0
        self._buffers: dict[str, FloatArray] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._buffers)

    def column(self, name: str) -> FloatArray:
        buffer = self._buffers.get(name)
        values = np.full(self.size, np.nan) if buffer is None else buffer[: self.size]
        values = values.view()
        values.flags.writeable = False
        return values

    def _let_go(self) -> None:
        """Rows that were handed out stay what they are, whatever is written from here on."""
        self._buffers = {name: buffer.copy() for name, buffer in self._buffers.items()}

    def append(self, records: Sequence[Record]) -> None:
        end = self.size + len(records)
        for name in dict.fromkeys(key for record in records for key in record):
            if name not in _NOT_COLUMNS and name not in self._buffers:
                self._buffers[name] = np.full(max(end, _FIRST_CAPACITY), np.nan)
        for name, buffer in self._buffers.items():
            if end > len(buffer):
                grown = np.full(max(end, 2 * len(buffer)), np.nan)
                grown[: self.size] = buffer[: self.size]
                self._buffers[name] = buffer = grown
            buffer[self.size : end] = [_number(record.get(name)) for record in records]
        self.size = end

    def merge_into_last(self, record: Record) -> None:
        """Add a second record of the newest step; its values replace those there."""
        self._let_go()
        kept = {name: buffer[self.size - 1] for name, buffer in self._buffers.items()}
        self.size -= 1
        self.append([{**kept, **{k: v for k, v in record.items() if v is not None}}])

    def drop_from(self, step: int) -> None:
        """Forget rows of `step` and later."""
        self._let_go()
        if "step" in self._buffers:
            steps = self._buffers["step"][: self.size]
            self.size = int(np.searchsorted(steps, step, side="left"))

    @property
    def last_step(self) -> int:
        return int(self._buffers["step"][self.size - 1]) if self.size else -1


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


class _RisingTimes:
    """Times of records that go on from where they were when the clock was moved back."""

    def __init__(self) -> None:
        self._latest = -math.inf
        self._added = 0.0

    def of(self, record: Record) -> Record:
        """The record, later by all that the clock was moved back before it."""
        time = _number(record.get("time"))
        if not math.isfinite(time):
            return record
        self._added = max(self._added, self._latest - time)
        self._latest = time + self._added
        return {**record, "time": self._latest} if self._added else record


class MetricsTable:
    """All records of a metrics file as float64 columns, by split; safe to share by threads.

    Within a split rows are ordered by step and each step occurs once. When steps go back, because
    the run was resumed from an older checkpoint, the rows they repeat are replaced. Times never go
    back: after a clock that was moved back they go on from the latest one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._reader = MetricsReader(path)
        self._generation = 0
        self._without_step = 0
        self._times = _RisingTimes()
        self._splits: dict[str, _Columns] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """Counts up whenever rows changed that were there before; appended ones don't count."""
        return self._revision

    def refresh(self) -> None:
        """Take in what was appended to the file since the last call."""
        with self._lock:
            for records in self._reader.chunks():
                if self._reader.generation != self._generation:
                    self._generation = self._reader.generation
                    self._without_step = 0
                    self._times = _RisingTimes()
                    self._splits = {}
                    self._revision += 1
                self.extend(records)

    def extend(self, records: Iterable[Record]) -> None:
        """Add records in the order they were written; those without a step count as damaged."""
        with self._lock:
            pending: dict[str, list[Record]] = {}
            last: dict[str, int] = {name: rows.last_step for name, rows in self._splits.items()}
            for record in map(self._times.of, records):
                step, split = record.get("step"), str(record.get("split", "train"))
                if not isinstance(step, int):
                    self._without_step += 1
                    continue
                if step <= last.get(split, -1):
                    self._flush(pending)
                    self._repeat(split, step, record)
                    last = {name: rows.last_step for name, rows in self._splits.items()}
                else:
                    pending.setdefault(split, []).append(record)
                    last[split] = step
            self._flush(pending)

    def _flush(self, pending: dict[str, list[Record]]) -> None:
        for split, records in pending.items():
            self._splits.setdefault(split, _Columns()).append(records)
        pending.clear()

    def _repeat(self, split: str, step: int, record: Record) -> None:
        rows = self._splits[split]
        self._revision += 1
        if step == rows.last_step:
            rows.merge_into_last(record)
            return
        for name, other in self._splits.items():
            other.drop_from(step if name == split else step + 1)
        rows.append([record])

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have records."""
        return tuple(self._splits)

    @property
    def damaged(self) -> int:
        """Whole lines of the file that could not be used."""
        return self._reader.damaged + self._without_step

    def num_rows(self, split: str = "train") -> int:
        """Number of steps recorded in a split."""
        rows = self._splits.get(split)
        return rows.size if rows else 0

    def names(self, split: str = "train") -> tuple[str, ...]:
        """Names of the columns of a split, in the order of their first appearance."""
        rows = self._splits.get(split)
        return rows.names if rows else ()

    def column(self, name: str, split: str = "train") -> FloatArray:
        """One column, shape (rows,); NaN where not recorded, all of it for an unknown name."""
        return self.columns(split, (name,))[name]

    def columns(
        self, split: str = "train", names: Iterable[str] | None = None
    ) -> dict[str, FloatArray]:
        """Several columns of the same moment, so of equal length; None: all.

        They share the table's memory, read-only, and do not change when it does.
        """
        with self._lock:
            rows = self._splits.get(split) or _Columns()
            return {name: rows.column(name) for name in (rows.names if names is None else names)}

    def last(self, split: str = "train") -> dict[str, float]:
        """The finite values of the newest row."""
        newest = {name: values[-1:] for name, values in self.columns(split).items()}
        return {name: float(v[0]) for name, v in newest.items() if v.size and np.isfinite(v[0])}


class _TableCache:
    """The tables of this process, least recently used ones dropped first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._tables: OrderedDict[Path, MetricsTable] = OrderedDict()

    def get(self, path: Path) -> MetricsTable:
        with self._lock:
            table = self._tables.setdefault(path, MetricsTable(path))
            self._tables.move_to_end(path)
            while len(self._tables) > self._limit:
                self._tables.popitem(last=False)
            return table


@functools.cache
def _table_cache() -> _TableCache:
    return _TableCache(_CACHED_TABLES)


def metrics_table(path: Path) -> MetricsTable:
    """The table of a metrics file, up to date; parsed once a process however many read it."""
    table = _table_cache().get(path.absolute())
    table.refresh()
    return table
