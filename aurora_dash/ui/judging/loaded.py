"""Complete evaluations, read once a process as long as they stay what they are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
import xarray as xr

from aurora_dash.evaluation.job import evaluation_folder
from aurora_dash.evaluation.outcome import open_table
from aurora_dash.evaluation.results import SUMMARY_FILE, EvaluationResult, read_result
from aurora_dash.runs.store import Run


def evaluation(run: Run, evaluation_id: str) -> tuple[EvaluationResult, xr.Dataset]:
    """An evaluation and its scores as a dataset, neither to be changed.

    `EvaluationError` names a file that can't be read.
    """
    folder = evaluation_folder(run, evaluation_id)
    summary = folder / SUMMARY_FILE
    # It is written last.
    return _read(folder, summary.stat().st_mtime_ns if summary.exists() else 0)


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(folder: Path, written: int) -> tuple[EvaluationResult, xr.Dataset]:
    del written
    return read_result(folder), open_table(folder)
