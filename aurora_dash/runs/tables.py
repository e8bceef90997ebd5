"""The metrics of runs as files for other tools: CSV and Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

import pandas as pd

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_write
from aurora_dash.runs.store import Run

SUFFIXES = (".csv", ".parquet")

_FIRST = ("run", "split", "step")
_TYPES = {"run": "str", "split": "str", "step": "int64"}
_ROWS = 16_384


def _slices(runs: Iterable[Run]) -> Iterator[pd.DataFrame]:
    """All records, one a row, a bounded number of rows at a time; the first slice is empty.

    All have the same columns: `run`, `split`, `step`, `time` and what was recorded. Steps rise
    within a run and split; of a step that was taken twice the newer record counts. What a record
    does not have is NaN.
    """
    tables = [(run.id, run.metrics()) for run in runs]
    parts = [(run, split, table) for run, table in tables for split in table.splits]
    names = dict.fromkeys(name for _, split, table in parts for name in table.names(split))
    order = [*_FIRST, *(name for name in names if name not in _FIRST)]
    yield pd.DataFrame(columns=order).astype({name: _TYPES.get(name, "float64") for name in order})
    for run, split, table in parts:
        columns = table.columns(split)
        for start in range(0, len(columns["step"]), _ROWS):
            taken = {name: values[start : start + _ROWS] for name, values in columns.items()}
            frame = pd.DataFrame({"run": run, "split": split} | taken)
            frame["step"] = frame["step"].astype("int64")
            yield frame.reindex(columns=order)


def metrics_bytes(runs: Iterable[Run], suffix: str) -> bytes:
    """The metrics of runs as the content of a file, by its suffix (one of `SUFFIXES`).

    Numbers are written with all their digits.
    """
    content = io.BytesIO()
    _write(runs, suffix, content)
    return content.getvalue()


def write_metrics(runs: Iterable[Run], path: Path) -> int:
    """Write the metrics of runs into a new or existing file; returns how many bytes.

    Beside the metrics themselves it takes the memory of some thousand rows, however many there
    are. `RunError` for another suffix than `SUFFIXES`, and where the file can't be written.
    """
    suffix = path.suffix.lower()
    _require_known(suffix)
    try:
        with path.open("wb") as file:
            _write(runs, suffix, file)
            return file.tell()
    except OSError as error:
        raise cannot_write(path, error) from error


def _require_known(suffix: str) -> None:
    if suffix not in SUFFIXES:
        raise RunError(
            f"Metrics can't be written as {suffix!r}.", remedy=f"Choose {' or '.join(SUFFIXES)}."
        )


def _write(runs: Iterable[Run], suffix: str, file: IO[bytes]) -> None:
    _require_known(suffix)
    slices = _slices(runs)
    first = next(slices)
    if suffix == ".csv":
        for number, frame in enumerate(chain([first], slices)):
            file.write(frame.to_csv(index=False, header=number == 0).encode())
    else:
        _write_parquet(first, slices, file)


def _write_parquet(first: pd.DataFrame, slices: Iterator[pd.DataFrame], file: IO[bytes]) -> None:
    # Not for those who only list runs: it takes its time to import.
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with pq.ParquetWriter(file, schema) as writer:
        for frame in slices:
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
