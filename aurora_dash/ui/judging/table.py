"""The scores of an evaluation as numbers: of all sources beside each other, and as files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.outcome import TABLE_FILE
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import (
    scorecard,
    scorecard_measures,
    scored_fields,
    scores_where,
)
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.sources import source_in_text, source_name
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import choices

_TABLE_HEIGHT, _ROW_HEIGHT = 480, 32
_TITLES = {"parquet": "Parquet", "nc": "NetCDF"}
_AGAINST, _SURE = "against ", "surely, "


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """One score at one lead time and place, or every number there is; and the downloads."""
    everything = st.toggle(
        "Every number, with all columns", key="every", bind="query-params",
        help="A row a number, as scores.json has them: sort, search and filter them.",
    )  # fmt: skip
    if everything:
        st.dataframe(
            all_frame(result), hide_index=True, height=_TABLE_HEIGHT, row_height=_ROW_HEIGHT
        )
    else:
        _one_score(table)
    _downloads(result)


def _one_score(table: xr.Dataset) -> None:
    with choices.bar():
        name = choices.measure([name for name in MEASURES if name in table])
        lead = choices.lead(table)
        where = choices.place(table, name)
    frame = score_frame(table, name, lead, where)
    changes = [column for column in frame if str(column).startswith(_AGAINST)]
    st.dataframe(
        frame.style.map(_tint, subset=changes),
        hide_index=True,
        height=min(_TABLE_HEIGHT, _ROW_HEIGHT * (len(frame) + 1) + 4),
        row_height=_ROW_HEIGHT,
        placeholder="–",
        column_config=_columns(frame, name),
    )
    st.caption(f"{MEASURES[name].long_name}. {verdict(frame)}".strip())


def score_frame(table: xr.Dataset, name: str, lead: int, where: dict[str, Any]) -> pd.DataFrame:
    """A row a field, a column a source, and the changes against each other source in per cent."""
    fields = scored_fields(table, name)
    index = table["lead"].values.tolist().index(lead)
    columns: dict[str, Any] = {
        "Variable": [field.variable for field in fields],
        "Level (hPa)": [
            "surface" if field.level is None else f"{field.level:g}" for field in fields
        ],
    }
    if any(field.threshold is not None for field in fields):
        columns["Threshold"] = [f"≥ {field.threshold:g} {field.unit}" for field in fields]
    columns["Unit"] = [pretty_unit(MEASURES[name].unit(field.unit)) for field in fields]
    scores = scores_where(table, name, where)
    sources = [str(source) for source in table["source"].values]
    for source in sources:
        columns[source_name(source)] = scores.sel(source=source, lead=lead).values
    for reference in sources[1:] if name in scorecard_measures(table) else ():
        card = scorecard(table, name, reference, **where)
        words = source_in_text(reference)
        columns[f"{_AGAINST}{words}"] = card.percent[:, index]
        if card.significant is not None:
            columns[f"{_SURE}{words}"] = card.significant[:, index]
    frame = pd.DataFrame(columns)
    return frame[frame[[source_name(source) for source in sources]].notna().any(axis=1)]


def verdict(frame: pd.DataFrame) -> str:
    """For how many fields the fine-tuned model is better, in words; empty without a comparison."""
    parts = [
        f"better than {str(column).removeprefix(_AGAINST)} for {int((frame[column] < 0).sum())}"
        for column in frame
        if str(column).startswith(_AGAINST)
    ]
    told = ", ".join(parts)
    return f"Of {len(frame)} fields the fine-tuned model is {told}." if told else ""


def _tint(change: Any) -> str:
    better, worse = ("#56B4E9", "#E69F00") if widgets.is_dark() else ("#0068A3", "#B34F00")
    return "" if change != change else f"color: {better if change < 0 else worse}"


def _columns(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for column in map(str, frame):
        if column.startswith(_AGAINST):
            config[column] = st.column_config.NumberColumn(
                format="%+.1f %%",
                help="How much farther from a perfect score: below zero the fine-tuned model is "
                "better.",
            )
        elif column.startswith(_SURE):
            config[column] = st.column_config.CheckboxColumn(
                help="Whether the difference is more than chance (block bootstrap)."
            )
        elif frame[column].dtype == np.float64:
            config[column] = st.column_config.NumberColumn(
                format="%.4g", help=choices.measure_name(name)
            )
    return config


def all_frame(result: EvaluationResult) -> pd.DataFrame:
    """Every number, with what it is of; columns that say nothing are left out."""
    frame = pd.DataFrame(result.records()).dropna(axis="columns", how="all")
    # A word on chance is yes, no or missing, and not a number.
    return frame.astype({"significant": "boolean"}) if "significant" in frame else frame


def _downloads(result: EvaluationResult) -> None:
    with st.container(horizontal=True):
        for suffix, (content, kind) in files(result).items():
            st.download_button(
                f"All scores as {_TITLES.get(suffix, suffix.upper())}",
                content,
                file_name=f"scores-{result.folder.name}.{suffix}",
                mime=kind,
                icon=":material/download:",
                on_click="ignore",
            )


def files(result: EvaluationResult) -> dict[str, tuple[Callable[[], bytes], str]]:
    """All scores, of every measure, lead and region, by suffix: made when asked for, and of what
    kind."""
    return {
        "csv": (lambda: all_frame(result).to_csv(index=False).encode(), "text/csv"),
        "parquet": (lambda: _parquet(result), "application/vnd.apache.parquet"),
        "json": (lambda: json.dumps(result.records(), indent=2).encode(), "application/json"),
        "nc": ((result.folder / TABLE_FILE).read_bytes, "application/x-netcdf"),
    }


def _parquet(result: EvaluationResult) -> bytes:
    content = io.BytesIO()
    all_frame(result).to_parquet(content, index=False)
    return content.getvalue()
