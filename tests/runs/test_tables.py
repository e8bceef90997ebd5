"""Metrics as files for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.runs.tables import write_metrics

LOSSES = {1: 0.1 + 0.2, 2: 1 / 3, 3: 1e-300}


@pytest.fixture
def trained(run: Run) -> Run:
    with MetricsWriter(run.metrics_path) as metrics:
        for step, loss in LOSSES.items():
            metrics.write({"step": step, "split": "train", "loss": loss, "time": 1.0 * step})
        metrics.write({"step": 3, "split": "validation", "loss": float("nan"), "time": 4.0})
    return run


@pytest.mark.parametrize("name", ["metrics.csv", "metrics.parquet"])
def test_all_records_come_back_with_all_their_digits(
    trained: Run, store: RunStore, tmp_path: Path, name: str
) -> None:
    empty = store.create(demo())
    size = write_metrics([trained, empty], tmp_path / name)
    assert size == (tmp_path / name).stat().st_size
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    frame = read(tmp_path / name)
    assert list(frame["run"]) == [trained.id] * 4
    train = frame[frame["split"] == "train"]
    assert dict(zip(train["step"], train["loss"], strict=True)) == LOSSES
    assert np.isnan(frame[frame["split"] == "validation"]["loss"].item())


def test_another_kind_of_file_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"'\.xlsx'"):
        write_metrics([trained], tmp_path / "metrics.xlsx")


def test_a_folder_that_is_not_there_is_named(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere"):
        write_metrics([trained], tmp_path / "nowhere" / "metrics.csv")
