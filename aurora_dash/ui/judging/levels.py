"""Scores of one variable by level and lead time."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import (
    scorecard,
    scorecard_measures,
    scored_fields,
    scores_where,
)
from aurora_dash.figures.scorecard import BY_CHANCE, level_scores_figure, scorecard_figure
from aurora_dash.figures.sources import source_in_text, source_name
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import card as card_view
from aurora_dash.ui.judging import choices
from aurora_dash.ui.live_chart import live_chart

_SCORE, _CHANGE = "the score", "the change"


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """The score of a source, or its change against a reference."""
    del result
    measures = [name for name in MEASURES if name in table and _variables(table, name)]
    if not measures:
        widgets.empty(
            "No levels",
            "Only variables of the surface were scored: Against lead has their curves.",
            icon=":material/stacked_line_chart:",
        )
        return
    with choices.bar():
        name = choices.measure(measures)
        variable = choices.one("Variable", _variables(table, name), "variable")
        kinds = [_SCORE]
        if name in scorecard_measures(table) and table.sizes["source"] > 1:
            kinds = [_CHANGE, _SCORE]
        kind = choices.one("Show", kinds, "show")
        if kind == _SCORE:
            source = choices.source(table["source"].values.tolist())
        else:
            reference = choices.reference(table)
        where = choices.place(table, name)
    fields = scored_fields(table, name)
    rows = sorted(
        (row for row, field in enumerate(fields) if field.variable == variable),
        key=lambda row: (fields[row].level or 0, fields[row].threshold or 0),
    )
    if kind == _SCORE:
        _scores(table, name, rows, source, where)
    else:
        _changes(table, name, rows, reference, where)


def _variables(table: xr.Dataset, name: str) -> list[str]:
    """Those with levels."""
    fields = scored_fields(table, name)
    return list(dict.fromkeys(field.variable for field in fields if field.level is not None))


def _scores(
    table: xr.Dataset, name: str, rows: list[int], source: str, where: dict[str, Any]
) -> None:
    fields = scored_fields(table, name)
    scores = scores_where(table, name, where).sel(source=source)
    values = scores.values[rows]
    if not np.isfinite(values).any():
        _undefined(name)
        return
    figure = level_scores_figure(
        [choices.row_name(fields[row]) for row in rows],
        [int(lead) for lead in table["lead"].values],
        values,
        name=choices.measure_name(name),
        unit=MEASURES[name].unit(fields[rows[0]].unit),
    )
    live_chart(figure, key="levels", height=int(figure.layout.height))
    st.caption(f"{source_name(source)}; the ground is at the bottom.")


def _changes(
    table: xr.Dataset, name: str, rows: list[int], reference: str, where: dict[str, Any]
) -> None:
    card = scorecard(table, name, reference, **where)
    if not np.isfinite(card.percent[rows]).any():
        _undefined(name)
        return
    figure = scorecard_figure(
        card_view.cells_of(card, rows),
        source=source_name(card.source),
        reference=source_name(reference),
    )
    live_chart(figure, key="levels", height=int(figure.layout.height))
    unsure = "" if card.significant is None else f" {BY_CHANCE} may be chance."
    st.caption(f"Against {source_in_text(reference)}; the ground is at the bottom.{unsure}")


def _undefined(name: str) -> None:
    widgets.empty(
        f"No {choices.measure_name(name)} here",
        "It is not defined: there was no point, no variation, no event or a perfect reference.",
        icon=":material/stacked_line_chart:",
    )
