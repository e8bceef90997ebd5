"""The metrics of runs as files for other tools: CSV and Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_write
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.runs.store import Run

SUFFIXES = (".csv", ".parquet")


def metrics_frame(runs: Iterable[Run]) -> pd.DataFrame:
    """All records of runs, one a row: `run`, `split`, `step`, `time` and what was recorded.

    Steps rise within a run and split; of a step that was taken twice the newer record counts.
    What a record does not have is NaN.
    """
    parts = [_frame(run.id, run.metrics(), split) for run in runs for split in run.metrics().splits]
    if not parts:
        return pd.DataFrame(columns=["run", "split", "step"])
    frame = pd.concat(parts, ignore_index=True)
    frame["step"] = frame["step"].astype("int64")
    return frame


def _frame(run_id: str, table: MetricsTable, split: str) -> pd.DataFrame:
    columns = table.columns(split)
    first = {"step": columns.pop("step")}
    frame = pd.DataFrame(first | columns)
    frame.insert(0, "run", run_id)
    frame.insert(1, "split", split)
    return frame


def metrics_bytes(runs: Iterable[Run], suffix: str) -> bytes:
    """The same as the content of a file, by its suffix (one of `SUFFIXES`).

    Numbers are written with all their digits.
    """
    frame = metrics_frame(runs)
    if suffix == ".csv":
        return frame.to_csv(index=False).encode()
    if suffix == ".parquet":
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
        return content.getvalue()
    raise RunError(
        f"Metrics can't be written as {suffix!r}.", remedy=f"Choose {' or '.join(SUFFIXES)}."
    )


def write_metrics(runs: Iterable[Run], path: Path) -> int:
    """Write the metrics of runs into a new or existing file; returns how many bytes.

    `RunError` for another suffix than `SUFFIXES`, and where the file can't be written.
    """
    content = metrics_bytes(runs, path.suffix.lower())
    try:
        path.write_bytes(content)
    except OSError as error:
        raise cannot_write(path, error) from error
    return len(content)
