"""Numbers of records as columns: what a metrics table holds, and how a long file gets into it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.runs.lines import Record

FloatArray = NDArray[np.float64]

_NOT_COLUMNS = frozenset({"schema", "split", "nonfinite"})
_FIRST_CAPACITY = 256
_FEWEST_BYTES = 2**16
"""Of a block that is worth another way than line by line."""


class Columns:
    """Growing numpy columns of one split; NaN where a record lacks a value."""

    def __init__(self) -> None:
        self.size = 0
        self._buffers: dict[str, FloatArray] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of their first appearance."""
        return tuple(self._buffers)

    def column(self, name: str) -> FloatArray:
        """One of them, read-only; all NaN for an unknown name."""
        buffer = self._buffers.get(name)
        values = np.full(self.size, np.nan) if buffer is None else buffer[: self.size]
        values = values.view()
        values.flags.writeable = False
        return values

    def _let_go(self) -> None:
        """Rows that were handed out stay what they are, whatever is written from here on."""
        self._buffers = {name: buffer.copy() for name, buffer in self._buffers.items()}

    def append(self, records: Sequence[Record]) -> None:
        """Add the numbers of records as rows."""
        names = dict.fromkeys(key for record in records for key in record)
        self.extend(
            len(records),
            {
                name: np.array([_number(record.get(name)) for record in records])
                for name in names
                if name not in _NOT_COLUMNS
            },
        )

    def extend(self, count: int, columns: Mapping[str, FloatArray]) -> None:
        """Add `count` rows of columns (count,); NaN in the others that there are."""
        end = self.size + count
        for name in columns:
            if name not in self._buffers:
                self._buffers[name] = np.full(max(end, _FIRST_CAPACITY), np.nan)
        for name, buffer in self._buffers.items():
            if end > len(buffer):
                grown = np.full(max(end, 2 * len(buffer)), np.nan)
                grown[: self.size] = buffer[: self.size]
                self._buffers[name] = buffer = grown
            buffer[self.size : end] = columns.get(name, np.nan)
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
        """Step of the newest row; -1 without any."""
        return int(self._buffers["step"][self.size - 1]) if self.size else -1


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


class RisingTimes:
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

    def go_on_with(self, times: FloatArray) -> bool:
        """Whether these go on from the latest as they are; then the newest is the latest."""
        if self._added or not (np.diff(times, prepend=self._latest) >= 0).all():
            return False
        self._latest = float(times[-1])
        return True


@dataclass(frozen=True)
class Block:
    """The records of many lines as columns."""

    splits: Mapping[str, Mapping[str, FloatArray]]
    """Columns (rows,) by split; `step` is always among them."""
    times: FloatArray
    """Of all records, in the order of the lines."""


def block_of(lines: bytes) -> Block | None:
    """Long text of JSON lines, parsed by Arrow in a fifth of the time and without holding the GIL.

    None for text that is short, or that only line by line reading does justice to: damaged lines,
    nulls, records without a step, a split or a time.
    """
    if len(lines) < _FEWEST_BYTES or b"null" in lines:
        return None
    import pyarrow as pa
    from pyarrow import json

    try:
        table = json.read_json(
            pa.BufferReader(lines),
            read_options=json.ReadOptions(block_size=len(lines) + 1),
            parse_options=json.ParseOptions(explicit_schema=pa.schema([("split", pa.string())])),
        )
    except pa.ArrowException:
        return None
    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    known = all(name in kinds and not table[name].null_count for name in ("step", "split", "time"))
    if not known or kinds["step"] != pa.int64() or table.num_rows != lines.count(b"\n") + 1:
        return None
    splits = np.asarray(table["split"].to_numpy())
    found: dict[str, dict[str, FloatArray]] = {}
    for split in dict.fromkeys(splits.tolist()):
        rows = table.filter(pa.array(splits == split))
        found[split] = {
            name: _floats(rows[name])
            for name in rows.column_names
            # What no record of the split has is no column of it.
            if name not in _NOT_COLUMNS and rows[name].null_count < rows.num_rows
        }
    times = _floats(table["time"])
    return Block(splits=found, times=times) if np.isfinite(times).all() else None


def _floats(column: Any) -> FloatArray:
    """An Arrow column (N,) as numbers: NaN for what is missing, or not a number."""
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    values: FloatArray = column.cast(pa.float64(), safe=False).to_numpy()
    return values
