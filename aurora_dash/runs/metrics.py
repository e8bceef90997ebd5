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
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aurora_dash.runs.columns import Block, Columns, FloatArray, RisingTimes, block_of
from aurora_dash.runs.lines import LineReader, LineWriter, Record
from aurora_dash.runs.schema import METRICS_VERSION

Value = float | int | str | None

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
        self._times = RisingTimes()
        self._splits: dict[str, Columns] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """Counts up whenever rows changed that were there before; appended ones don't count."""
        return self._revision

    def refresh(self) -> None:
        """Take in what was appended to the file since the last call."""
        with self._lock:
            for lines in self._reader.blocks():
                if self._reader.generation != self._generation:
                    self._generation = self._reader.generation
                    self._without_step = 0
                    self._times = RisingTimes()
                    self._splits = {}
                    self._revision += 1
                block = block_of(lines)
                if block is None or not self._take(block):
                    self.extend(self._reader.parse(lines))

    def _take(self, block: Block) -> bool:
        """Append a block as it is, unless some of it repeats steps or lies back in time."""
        for split, rows in block.splits.items():
            before = self._splits[split].last_step if split in self._splits else -1
            if not (np.diff(rows["step"], prepend=before) > 0).all():
                return False
        if not self._times.go_on_with(block.times):
            return False
        for split, rows in block.splits.items():
            self._splits.setdefault(split, Columns()).extend(rows["step"].size, rows)
        return True

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
            self._splits.setdefault(split, Columns()).append(records)
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
            rows = self._splits.get(split) or Columns()
            return {name: rows.column(name) for name in (rows.names if names is None else names)}

    def last(self, split: str = "train") -> dict[str, float]:
        """The finite values of the newest row."""
        newest = {name: values[-1:] for name, values in self.columns(split).items()}
        return {name: float(v[0]) for name, v in newest.items() if v.size and np.isfinite(v[0])}

    def newest(self, names: Iterable[str], split: str = "train") -> dict[str, float]:
        """The newest finite value of columns that only some rows have; without those that have
        none."""
        found = {}
        for name, values in self.columns(split, names).items():
            there = np.flatnonzero(np.isfinite(values))
            if there.size:
                found[name] = float(values[there[-1]])
        return found


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
