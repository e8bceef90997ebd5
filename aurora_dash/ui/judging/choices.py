"""What of an evaluation is looked at: every choice stands in the address of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.scorecard import ScoredField, scored_fields
from aurora_dash.evaluation.table import ALL
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.scorecard import lead_name
from aurora_dash.figures.sources import source_name

T = TypeVar("T")

FIELD, LEAD, MEASURE, REFERENCE = "field", "lead", "measure", "against"
"""Names of choices in the address that more than one place makes."""

_SHORT = {"rmse": "RMSE", "mae": "MAE", "bias": "Bias", "acc": "ACC", "crps": "CRPS", "csi": "CSI",
          "ets": "ETS", "fss": "FSS"}  # fmt: skip
_PLACES = {
    "region": "Region",
    "surface": "Land or sea",
    "hour": "Hour of the day",
    "season": "Season",
    "neighbourhood": "Neighbourhood",
}
_WIDTH, _WIDE = 180, 260


@contextmanager
def bar() -> Iterator[None]:
    """A row of choices that wraps where the page is narrow."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        yield


def measure(offered: Sequence[str]) -> str:
    """One of the measures that were taken."""
    return one("Score", offered, MEASURE, format_func=measure_name, width=_WIDE, help=_HELP)


def measure_name(name: str) -> str:
    """What a measure is called in choices and on axes."""
    return _SHORT.get(name, MEASURES[name].long_name)


_HELP = "How each is defined says docs/scores.md."


def reference(table: xr.Dataset) -> str:
    """What the model is compared with; there must be something."""
    sources = [str(source) for source in table["source"].values[1:]]
    return one("Against", sources, REFERENCE, format_func=source_name)


def source(sources: Sequence[str]) -> str:
    """Whose forecasts are shown."""
    return one("Forecast", sources, "source", format_func=source_name)


def place(table: xr.Dataset, name: str, *, but: Sequence[str] = ()) -> dict[str, Any]:
    """Where and when a variable of the scores is looked at: a label of each further dimension.

    Nothing is asked where there is nothing to choose.
    """
    chosen: dict[str, Any] = {}
    for dim, title in _PLACES.items():
        if dim in table[name].dims and dim not in but:
            labels = table[dim].values.tolist()
            chosen[dim] = one(title, labels, dim, format_func=_label(dim))
    return chosen


def field(table: xr.Dataset, name: str | None = None, *, only: Sequence[int] | None = None) -> int:
    """Which row of `scored_fields`; of those in `only`."""
    rows = scored_fields(table, name)
    offered = range(len(rows)) if only is None else only
    names = {row_name(rows[index]): index for index in offered}
    return names[one("Field", list(names), FIELD)]


def lead(table: xr.Dataset) -> int:
    """A lead time in hours."""
    hours = [int(hour) for hour in table["lead"].values]
    return one("Lead time", hours, LEAD, format_func=lead_name)


def row_name(row: ScoredField) -> str:
    """A field in words: ``z 850``, ``2t ≥ 298.15 K``."""
    level = "" if row.level is None else f" {row.level:g}"
    reached = "" if row.threshold is None else f" ≥ {row.threshold:g} {pretty_unit(row.unit)}"
    return f"{row.variable}{level}{reached}"


def one(
    title: str,
    options: Sequence[T],
    key: str,
    *,
    format_func: Callable[[Any], str] = str,
    width: int = _WIDTH,
    help: str | None = None,
) -> T:
    """One of several, kept in the address under `key`; of a single one nothing is asked."""
    if len(options) == 1:
        return options[0]
    chosen: T = st.selectbox(
        title,
        list(options),
        format_func=format_func,
        key=key,
        bind="query-params",
        width=width,
        help=help,
    )
    return chosen


def _label(dim: str) -> Callable[[Any], str]:
    def label(value: Any) -> str:
        if value == ALL:
            return "all" if dim != "surface" else "land and sea"
        if dim == "hour":
            return f"{value} UTC"
        return f"{value} points" if dim == "neighbourhood" else str(value)

    return label
