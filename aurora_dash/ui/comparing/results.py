"""What came of the compared runs, and in what their specs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.evaluation.job import EvaluationState, list_evaluations, load_evaluation
from aurora_dash.figures.comparison import Dimension, parallel_figure
from aurora_dash.runs.columns import FloatArray
from aurora_dash.runs.overview import Overview, differences_of, value_text
from aurora_dash.ui import boundary, widgets, words
from aurora_dash.ui.comparing import choose
from aurora_dash.ui.live_chart import live_chart

_SCORE, _LEAD = "rmse", "lead"
_PARALLEL_HEIGHT = 380
_FEWEST_PARALLEL = 2


def losses(compared: Sequence[Overview], baseline: str | None) -> None:
    """A row a run: losses, persistence, steps, time; against the baseline in percent."""
    rows = [_losses(overview) for overview in compared]
    frame = pd.DataFrame(rows, index=list(choose.titles(compared).values()))
    of_baseline = [r for r, o in zip(rows, compared, strict=True) if o.id == baseline]
    reference = of_baseline[0]["Best validation"] if of_baseline else None
    if reference:
        change = 100 * (frame["Best validation"].astype(float) / reference - 1)
        frame.insert(1, "Against baseline", change)
    st.dataframe(
        frame,
        placeholder="–",
        column_config={
            "Against baseline": st.column_config.NumberColumn(
                format="%+.1f %%", help="Of the best validation loss; below zero is better."
            ),
            **{name: st.column_config.NumberColumn(format="%.4g") for name in _NUMBERS},
        },
    )


_NUMBERS = ("Best validation", "Last validation", "Persistence", "Last training")


def _losses(overview: Overview) -> dict[str, Any]:
    table = overview.run.metrics()
    validation = _finite(table.column("loss", "validation"))
    persistence = _finite(table.column("persistence_loss", "validation"))
    training = _finite(table.column("loss"))
    status = overview.status
    end = status.ended or status.heartbeat
    took = (end - status.started).total_seconds() if status.started and end else None
    return {
        "Best validation": float(validation.min()) if validation.size else None,
        "Last validation": float(validation[-1]) if validation.size else None,
        "Persistence": float(persistence[-1]) if persistence.size else None,
        "Last training": float(training[-1]) if training.size else None,
        "Steps": status.step,
        "Took": words.duration(took),
        "State": status.in_words,
    }


def _finite(values: FloatArray) -> FloatArray:
    finite: FloatArray = values[np.isfinite(values)]
    return finite


def scores(compared: Sequence[Overview]) -> None:
    """The RMSE of every variable from the newest evaluation of each run, at one lead time."""
    found = {overview.id: _scores(overview) for overview in compared}
    leads = sorted({lead for of_run in found.values() for lead, _ in of_run})
    if not leads:
        st.caption("None of these runs has been evaluated yet: see Evaluate & maps.")
        return
    lead = st.selectbox(
        "Lead time", leads, format_func=lambda hours: f"{hours} h", key=_LEAD, bind="query-params"
    )
    frame = pd.DataFrame(
        {
            title: {name: value for (hours, name), value in found[id].items() if hours == lead}
            for id, title in choose.titles(compared).items()
        }
    )
    st.dataframe(
        frame.dropna(axis="columns", how="all"),
        placeholder="–",
        column_config={
            name: st.column_config.NumberColumn(format="%.4g") for name in frame.columns
        },
    )
    st.caption(
        "Root mean square error of each run's newest complete evaluation, weighted by area. "
        "Compare only what was judged on the same data: Evaluate & maps says on which."
    )


def _scores(overview: Overview) -> dict[tuple[int, str], float]:
    """RMSE by lead time and variable; none without a complete evaluation that can be read."""
    for status in list_evaluations(overview.run):
        if status.state is not EvaluationState.COMPLETED:
            continue
        try:
            result = load_evaluation(overview.run, status.id)
        except AuroraDashError as error:
            st.warning(boundary.plain(f"{overview.name}: {error.message}"))
            continue
        first = result.scores[0].region
        return {
            (score.lead_hours, _field(score.variable, score.level, score.unit)): score.value
            for score in result.scores
            if (score.metric, score.source, score.region) == (_SCORE, "model", first)
        }
    return {}


def _field(variable: str, level: float | None, unit: str) -> str:
    where = "" if level is None else f" {level:g} hPa"
    return f"{variable}{where} ({unit})"


def differences(compared: Sequence[Overview], baseline: str | None) -> None:
    """The fields of the specs that are not the same in all runs; the baseline first."""
    found = differences_of(compared)
    if not found:
        st.caption("These runs have the same spec.")
        return
    titles = choose.titles(compared)
    frame = pd.DataFrame(
        {
            titles[id]: [value_text(v[id]) if id in v else "–" for v in found.values()]
            for id in sorted(titles, key=lambda id: id != baseline)
        },
        index=list(found),
    )
    first = frame.columns[0]
    styled = frame.style.apply(lambda column: _marked(column, frame[first]), axis=0)
    st.dataframe(styled if baseline else frame)


def _marked(column: pd.Series, reference: pd.Series) -> list[str]:
    colour = "#6ec6cc" if widgets.is_dark() else "#0b6a78"
    return ["" if same else f"font-weight: 650; color: {colour}" for same in column == reference]


def parallel(compared: Sequence[Overview]) -> None:
    """Every run as a line through its settings to its best loss."""
    found = differences_of(compared)
    told = [overview for overview in compared if overview.status.best_loss is not None]
    if len(told) < _FEWEST_PARALLEL or not found:
        st.caption("This needs two runs with losses and different specs.")
        return
    names = st.multiselect(
        "Settings",
        list(found),
        default=_telling(found),
        key="axes",
        bind="query-params",
    )
    dimensions = [
        Dimension(title=name, values=[_coordinate(found[name].get(o.id)) for o in told])
        for name in names
    ]
    best = [overview.status.best_loss for overview in told]
    dimensions.append(Dimension(title="best loss", values=best))
    live_chart(
        parallel_figure(dimensions, best, "best loss"), key="parallel", height=_PARALLEL_HEIGHT
    )


def _telling(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    numbers = [
        name
        for name, values in found.items()
        if all(isinstance(value, (int, float, str)) for value in values.values())
    ]
    return numbers[:6]


def _coordinate(value: Any) -> float | str | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    return value_text(value)
