"""Charts of scores, from records as in ``scores.json``: one number each.

A record has ``variable``, ``level`` (hPa or None), ``lead_hours``, ``region``, ``metric``,
``value``, ``unit`` and ``source`` (``model``, ``persistence`` or ``initial``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from aurora_dash.errors import EvaluationError
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.theme import BLUE, GREY, ORANGE, series_style, template

Record = Mapping[str, Any]

SOURCES: Mapping[str, tuple[str, str]] = {
    "model": ("this checkpoint", BLUE),
    "initial": ("before fine-tuning", ORANGE),
    "persistence": ("persistence", GREY),
}
"""What each source is called and how it is coloured, on every chart."""

_ROW_HEIGHT = 26
_FRAME_HEIGHT = 128


def relative_scores_figure(
    records: Iterable[Record],
    *,
    metric: str = "rmse",
    reference: str = "persistence",
    lead_hours: float,
    region: str = "global",
) -> go.Figure:
    """Each field's score as percent more or less than the reference's: below zero is better.

    One row a field, the best first; `figure.layout.height` grows with them. For scores where less
    is better (RMSE, MAE). Raises `EvaluationError` where the reference has no such score.
    """
    chosen = _chosen(records, metric=metric, region=region, lead_hours=lead_hours)
    base = {_field(record): record["value"] for record in chosen if record["source"] == reference}
    rows = [
        record for record in chosen if record["source"] != reference and base.get(_field(record))
    ]
    if not rows:
        raise EvaluationError(
            f"No {metric} at +{lead_hours:g} h over {region} beside that of {reference}.",
            remedy=f"Evaluate with the baseline {reference}, or choose another reference.",
        )
    change = {
        (record["source"], _field(record)): 100 * (record["value"] / base[_field(record)] - 1)
        for record in rows
    }
    sources = [source for source in SOURCES if any(key[0] == source for key in change)]
    fields = sorted(base, key=lambda field: change.get((sources[0], field), 0))
    names = [field_name(*field) for field in fields]
    figure = go.Figure(layout={"template": template()})
    for source in sources:
        name, colour = SOURCES[source]
        figure.add_trace(
            go.Bar(
                name=name,
                y=names,
                x=[change.get((source, field)) for field in fields],
                orientation="h",
                marker_color=colour,
                hovertemplate="%{x:+.1f} %",
            )
        )
    _lay_out_rows(figure, metric, reference, lead_hours, len(fields) * len(sources))
    return figure


def score_by_lead_figure(
    records: Iterable[Record],
    variable: str,
    level: float | None = None,
    *,
    metric: str = "rmse",
    region: str = "global",
) -> go.Figure:
    """One field's score against the lead time, a line for each source."""
    chosen = _chosen(records, metric=metric, region=region, variable=variable, level=level)
    title = f"{metric.upper()} of {field_name(variable, level)} by lead time"
    figure = _lines(chosen, "lead_hours", "value", title)
    figure.update_xaxes(title_text="Lead time [h]", rangemode="tozero")
    figure.update_yaxes(title_text=_axis_title(metric, chosen), rangemode="tozero")
    return figure


def score_by_level_figure(
    records: Iterable[Record],
    variable: str,
    *,
    lead_hours: float,
    metric: str = "rmse",
    region: str = "global",
) -> go.Figure:
    """One variable's score on its pressure levels, the ground at the bottom."""
    chosen = [
        record
        for record in _chosen(
            records, metric=metric, region=region, variable=variable, lead_hours=lead_hours
        )
        if record["level"] is not None
    ]
    title = f"{metric.upper()} of {variable} by level at +{lead_hours:g} h"
    figure = _lines(chosen, "value", "level", title)
    figure.update_layout(hovermode="y unified")
    figure.update_xaxes(title_text=_axis_title(metric, chosen), rangemode="tozero")
    levels = sorted({record["level"] for record in chosen})
    figure.update_yaxes(
        title_text="Pressure [hPa]", type="log", autorange="reversed", tickvals=levels
    )
    return figure


def field_name(variable: str, level: float | None) -> str:
    """``z 850`` or ``2t``."""
    return variable if level is None else f"{variable} {level:g}"


def _lines(records: Sequence[Record], x: str, y: str, title: str) -> go.Figure:
    figure = go.Figure(layout={"template": template(), "title": {"text": title}})
    sources = sorted({record["source"] for record in records}, key=_source_order)
    for index, source in enumerate(sources):
        name, colour = SOURCES.get(source, (source, series_style(index)[0]))
        mine = [record for record in records if record["source"] == source]
        mine.sort(key=lambda record: (record["lead_hours"], record["level"] or 0))
        figure.add_trace(
            go.Scatter(
                name=name,
                x=[record[x] for record in mine],
                y=[record[y] for record in mine],
                mode="lines+markers",
                line={"color": colour, "width": 2},
                hovertemplate="%{" + ("y" if y == "value" else "x") + ":.4~g}",
            )
        )
    figure.update_layout(showlegend=True)
    return figure


def _lay_out_rows(
    figure: go.Figure, metric: str, reference: str, lead_hours: float, num_bars: int
) -> None:
    named = SOURCES.get(reference, (reference, ""))[0]
    figure.update_layout(
        title_text=f"{metric.upper()} against {named} at +{lead_hours:g} h",
        height=_FRAME_HEIGHT + _ROW_HEIGHT * num_bars,
        hovermode="y unified",
        bargap=0.25,
        showlegend=True,
    )
    figure.update_xaxes(title_text="Percent; below zero is better", zeroline=True, zerolinewidth=2)
    figure.update_yaxes(showgrid=False, autorange="reversed", ticksuffix=" ")


def _chosen(records: Iterable[Record], **wanted: Any) -> list[Record]:
    return [record for record in records if all(record[name] == wanted[name] for name in wanted)]


def _field(record: Record) -> tuple[str, float | None]:
    return record["variable"], record["level"]


def _axis_title(metric: str, records: Sequence[Record]) -> str:
    unit = pretty_unit(records[0]["unit"]) if records else ""
    return f"{metric.upper()} [{unit}]"


def _source_order(source: str) -> int:
    return [*SOURCES, source].index(source)
