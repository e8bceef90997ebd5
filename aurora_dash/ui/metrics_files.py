"""Buttons that give the metrics of runs as files for other tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from aurora_dash.runs.store import Run
from aurora_dash.runs.tables import metrics_bytes
from aurora_dash.ui import words

_KINDS = {
    ".csv": ("CSV", "text/csv"),
    ".parquet": ("Parquet", "application/vnd.apache.parquet"),
}


def download_buttons(runs: Sequence[Run]) -> None:
    """One button a format; the content is made when somebody asks for it."""
    name = runs[0].id if len(runs) == 1 else "metrics"
    whose = "" if len(runs) == 1 else f" of {words.several(len(runs), 'run')}"
    with st.container(horizontal=True):
        for suffix, (format_name, kind) in _KINDS.items():
            st.download_button(
                f"Metrics{whose} as {format_name}",
                _content(runs, suffix),
                file_name=f"{name}{suffix}",
                mime=kind,
                icon=":material/download:",
                on_click="ignore",
                key=f"download{suffix}",
            )


def _content(runs: Sequence[Run], suffix: str) -> Callable[[], bytes]:
    return lambda: metrics_bytes(runs, suffix)
