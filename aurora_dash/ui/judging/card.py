"""The scorecard: how much better than a reference, field by field and lead by lead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import Scorecard, scorecard, scorecard_measures
from aurora_dash.figures.scorecard import BY_CHANCE, Cells, scorecard_figure
from aurora_dash.figures.sources import source_in_text, source_name
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import choices, curves, old
from aurora_dash.ui.live_chart import live_chart

_TALLEST = 780


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """The card, and the curve of one of its rows."""
    if table.sizes["source"] < 2:
        widgets.empty(
            "Nothing to compare with",
            "Only the checkpoint itself was judged. Evaluate with a baseline, beside the "
            "checkpoint before fine-tuning, or beside another run or file.",
            icon=":material/grid_on:",
        )
        return
    old.panel(result)
    with choices.bar():
        name = choices.measure(scorecard_measures(table))
        reference = choices.reference(table)
        kind = old.choose_rows(result)
        where = choices.place(table, name)
    card = scorecard(table, name, reference, **where)
    rows = [row for row in in_order(card) if old.is_kind(result, kind, card.rows[row].variable)]
    if not np.isfinite(card.percent[rows]).any():
        widgets.empty(
            f"No {choices.measure_name(name)} beside {source_in_text(reference)}",
            "It has none here, or a perfect one, against which no change can be told. Choose "
            "another score or another reference.",
            icon=":material/grid_on:",
        )
        return
    _card(card, rows)
    chosen = choices.field(table, name, only=rows)
    curves.curve(table, name, chosen, reference, where)


def _card(card: Scorecard, rows: Sequence[int]) -> None:
    figure = scorecard_figure(
        cells_of(card, rows),
        source=source_name(card.source),
        reference=source_name(card.reference),
    )
    height = int(figure.layout.height)
    with st.container(height=_TALLEST if height > _TALLEST else "content", border=False):
        live_chart(figure, key="scorecard", height=height, on_click=_choose)
    st.caption(verdict(card, rows))


def cells_of(card: Scorecard, rows: Sequence[int]) -> Cells:
    """Some rows of a scorecard as a figure takes them."""
    chosen = list(rows)
    return Cells(
        rows=[choices.row_name(card.rows[row]) for row in chosen],
        lead_hours=card.lead_hours,
        percent=card.percent[chosen],
        values=card.values[chosen],
        reference_values=card.reference_values[chosen],
        units=[MEASURES[card.measure].unit(card.rows[row].unit) for row in chosen],
        significant=None if card.significant is None else card.significant[chosen],
    )


def _choose(lead: str, row: str) -> None:
    """Show the curve of a row that was clicked."""
    del lead
    st.session_state[choices.FIELD] = row


def in_order(card: Scorecard) -> list[int]:
    """Rows with the levels of each variable from the highest down to the ground."""
    variables = list(dict.fromkeys(row.variable for row in card.rows))
    return sorted(
        range(len(card.rows)),
        key=lambda i: (variables.index(card.rows[i].variable), card.rows[i].level or 0),
    )


def verdict(card: Scorecard, rows: Sequence[int]) -> str:
    """How many cells are better and worse, in words, and what the signs mean."""
    percent = card.percent[rows]
    known = np.isfinite(percent)
    better, worse = int((percent < 0).sum()), int((percent > 0).sum())
    against = source_in_text(card.reference)
    text = (
        f"{source_name(card.source)} against {against}: {better} of {known.sum()} cells better, "
        f"{worse} worse."
    )
    if card.significant is None:
        return (
            f"{text} What of it may be chance was not asked, or is not known of this score. Click "
            "a row to see its curve."
        )
    unsure = int((~card.significant[rows] & known).sum())
    return f"{text} {unsure} may be chance ({BY_CHANCE}). Click a row to see its curve."
