"""The scores of an evaluation as a table: the model beside persistence and where it began."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.ui import boundary, widgets

_METRICS = {
    **{name: measure.long_name for name, measure in MEASURES.items()},
    **{"rmse": "RMSE", "mae": "MAE", "bias": "Bias", "acc": "ACC", "crps": "CRPS"},
}
_SOURCES = {
    "model": "Fine-tuned",
    "persistence": "Persistence",
    "climatology": "Climatology",
    "initial": "Before fine-tuning",
}
_IDENTITY = ("Variable", "Level (hPa)", "Unit")
_REFERENCES = {"persistence": "persistence", "the beginning": "initial"}
_CHANGES = {source: f"against {source}" for source in _REFERENCES}
_TABLE_HEIGHT, _ROW_HEIGHT = 380, 32
_HELP = {
    "rmse": "Root mean square error: the root is taken after the mean over time and grid.",
    "mae": "Mean absolute error.",
    "bias": "Mean of forecast minus target: above zero the forecast is too high.",
}


def about(result: EvaluationResult) -> None:
    """What was judged on what, with the labels and warnings a reader needs."""
    summary = result.summary
    widgets.show_label_texts(widgets.summary_labels(summary))
    north, south = summary.latitudes
    west, east = summary.longitudes
    st.caption(
        f"{boundary.plain(summary.checkpoint)} · {summary.num_samples} forecasts, valid "
        f"{summary.first_valid_time} to {summary.last_valid_time} · {summary.height} × "
        f"{summary.width} points, {north:g}° to {south:g}° north, {west:g}° to {east:g}° east · "
        "scores are weighted by area"
    )
    for warning in summary.warnings:
        st.warning(boundary.plain(warning), icon=":material/warning:")


def table(result: EvaluationResult) -> None:
    """Scores by variable and level of one metric, lead time and region, and their downloads."""
    leads = sorted({score.lead_hours for score in result.scores})
    regions = list(dict.fromkeys(score.region for score in result.scores))
    first, second, third = st.columns([2, 1, 1])
    measured = {score.metric for score in result.scores if score.is_plain}
    metrics = [name for name in _METRICS if name in measured]
    metric = first.segmented_control(
        "Score",
        metrics,
        default=metrics[0],
        required=True,
        format_func=_METRICS.__getitem__,
        key="score-metric",
    )
    lead = second.selectbox("Lead time", leads, format_func=lambda h: f"{h} h", key="score-lead")
    region = third.selectbox("Region", regions, key="score-region")
    metric = metric or metrics[0]
    frame = score_frame(result.scores, metric=metric, lead_hours=lead, region=region)
    st.caption(f"{_HELP.get(metric, MEASURES[metric].long_name + '.')} {verdict(frame)}".strip())
    st.dataframe(
        frame.style.map(_tint, subset=[name for name in frame if name in _CHANGES.values()]),
        hide_index=True,
        height=min(_TABLE_HEIGHT, _ROW_HEIGHT * (len(frame) + 1) + 4),
        row_height=_ROW_HEIGHT,
        column_config=_columns(frame, metric),
    )
    downloads(result)


def verdict(frame: pd.DataFrame) -> str:
    """For how many fields the fine-tuned model is better, in words; empty without a comparison."""
    parts = [
        f"better than {source} for {int((frame[column] < 0).sum())} of {len(frame)} fields"
        for source, column in _CHANGES.items()
        if column in frame
    ]
    return f"The fine-tuned model is {' and '.join(parts)}." if parts else ""


def _tint(change: Any) -> str:
    better, worse = ("#56B4E9", "#E69F00") if widgets.is_dark() else ("#0068A3", "#B34F00")
    return "" if change != change else f"color: {better if change < 0 else worse}"


def _columns(frame: pd.DataFrame, metric: str) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        name: number(name, format="%.4g")
        for name in map(str, frame)
        if name not in (*_IDENTITY, *_CHANGES.values())
    }
    for source, name in _CHANGES.items():
        columns[name] = number(
            name,
            format="%+.1f %%",
            help=f"Change of the {_METRICS[metric]} against {source}: below zero the fine-tuned "
            "model is better.",
        )
    return columns


def score_frame(
    scores: Sequence[Score], *, metric: str, lead_hours: int, region: str
) -> pd.DataFrame:
    """A row a variable and level, a column a source, and changes in per cent where they mean
    something (not for a bias).
    """
    wanted = (metric, lead_hours, region)
    rows: dict[tuple[str, float | None], dict[str, object]] = {}
    plain = (score for score in scores if score.is_plain)
    for score in (s for s in plain if (s.metric, s.lead_hours, s.region) == wanted):
        row = rows.setdefault(
            (score.variable, score.level),
            {
                "Variable": score.variable,
                "Level (hPa)": "surface" if score.level is None else f"{score.level:g}",
                "Unit": pretty_unit(score.unit),
            },
        )
        row[_SOURCES.get(score.source, score.source)] = score.value
    frame = pd.DataFrame(list(rows.values()))
    known = [name for name in (*_IDENTITY, *_SOURCES.values()) if name in frame]
    frame = frame[[*known, *(name for name in frame if name not in known)]]
    if MEASURES[metric].has_skill:
        for source, column in _CHANGES.items():
            reference = _SOURCES[_REFERENCES[source]]
            if reference in frame and _SOURCES["model"] in frame:
                frame[column] = 100 * (frame[_SOURCES["model"]] / frame[reference] - 1)
    return frame


def downloads(result: EvaluationResult) -> None:
    """All scores, of every metric, lead and region, as files."""
    records = result.records()
    name = f"scores-{result.folder.name}"
    with st.container(horizontal=True):
        st.download_button(
            "All scores as CSV",
            lambda: pd.DataFrame(records).to_csv(index=False),
            file_name=f"{name}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "All scores as JSON",
            lambda: json.dumps(records, indent=2),
            file_name=f"{name}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
