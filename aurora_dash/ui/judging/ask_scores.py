"""The part of an evaluation's form that says which scores, where, and against what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.measures import CATEGORICAL, MEASURES, NEEDS_MEMBERS
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, runs_view
from aurora_dash.ui.cache import run_store

_BOX, _OPENED = "ask-box", "ask-opened"
_ENSEMBLE = "v1.5-ensemble"
_DEFAULT = ("rmse", "mae", "bias")
_GROUPS = {"surface": "Land and sea", "hour": "Hour of the day", "season": "Season"}


def score_form(spec: RunSpec) -> dict[str, Any] | None:
    """Fields of an `EvaluationRequest`, of what was not touched the defaults; None where
    something was typed that can't be meant, which is said."""
    fields: dict[str, Any] | None = None
    opened = st.expander("Scores and comparisons", icon=":material/tune:", expanded=is_opened())
    with opened, boundary.errors_shown():
        first, second = st.columns(2)
        # What is wrong in the first must not hide the second.
        with second:
            comparisons = _comparisons()
        with first:
            fields = {**_measures(spec), **comparisons}
    return fields


def put_box(box: str) -> None:
    """Fill in a box that was drawn on a map, and open what its field lies in from now on."""
    st.session_state[_BOX] = box
    st.session_state[_OPENED] = True


def is_opened() -> bool:
    """Whether a box was put here: it must be seen at once."""
    return bool(st.session_state.get(_OPENED))


def _measures(spec: RunSpec) -> dict[str, Any]:
    has_members = spec.model.variant == _ENSEMBLE
    offered = [
        name
        for name in MEASURES
        if name not in CATEGORICAL and (has_members or name not in NEEDS_MEMBERS)
    ]
    measures = st.multiselect(
        "Measures",
        offered,
        default=_DEFAULT,
        format_func=lambda name: MEASURES[name].long_name,
        help="Those of anomalies need a climatology: from a file, or fitted to the data.",
        key="ask-measures",
    )
    thresholds = st.text_input(
        "Thresholds",
        placeholder="2t=273.15,298.15 10u=10",
        help="How well it is forecast that a value is reached (CSI, ETS, FSS), in its unit.",
        key="ask-thresholds",
    )
    by = st.multiselect(
        "Also apart by", list(_GROUPS), format_func=_GROUPS.__getitem__, key="ask-by"
    )
    box = st.text_input(
        "Further region",
        placeholder="north, west, south, east: 72, 4, 57, 32",
        help="A box in degrees.",
        key=_BOX,
    )
    histograms = st.toggle(
        "Distributions",
        value=True,
        help="How often each value is forecast where each is observed, for scatter and quantiles.",
        key="ask-histograms",
    )
    fields: dict[str, Any] = {
        "measures": tuple(measures) or _DEFAULT,
        "by": tuple(by),
        "histograms": histograms,
    }
    if has_members:
        members = st.number_input("Members", min_value=1, max_value=100, key="ask-members")
        fields["members"] = int(members)
    if thresholds.strip():
        fields["thresholds"] = _thresholds(thresholds)
        fields["measures"] = (*fields["measures"], *CATEGORICAL)
    if box.strip():
        fields["boxes"] = (_box(box),)
    return fields


def _comparisons() -> dict[str, Any]:
    baselines = st.multiselect(
        "Baselines", ["persistence", "climatology"], default=["persistence"], key="ask-baselines"
    )
    others = [run.id for run in run_store().list() if runs_view.checkpoints(run)]
    against = st.multiselect(
        "Best checkpoints of other runs", others, help="Judged alike.", key="ask-against"
    )
    forecast = st.text_input(
        "Another model's forecasts",
        placeholder="/data/forecasts/hres.zarr",
        help="NetCDF, GRIB or Zarr with initial time and lead time as dimensions, on this grid.",
        key="ask-forecast",
    ).strip()
    climatology = st.text_input(
        "Climatology",
        placeholder="fitted to the data",
        help="A file in WeatherBench 2's layout: hour and day of the year.",
        key="ask-climatology",
    ).strip()
    sure = st.toggle(
        "Say what may be chance",
        help="Skill with 95 % intervals by drawing blocks of initial times (bootstrap).",
        key="ask-confidence",
    )
    files = [{"name": Path(forecast).stem, "forecast": forecast}] if forecast else []
    return {
        "baselines": tuple(baselines),
        "against": (*({"name": run, "run": run} for run in against), *files),
        "climatology": climatology or None,
        "confidence": 0.95 if sure else None,
    }


def _thresholds(text: str) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for part in text.split():
        name, _, values = part.partition("=")
        found[name] = (*found.get(name, ()), *_numbers(values, "thresholds such as 2t=273.15"))
    return found


def _box(text: str) -> dict[str, float]:
    numbers = _numbers(text, "a box of north, west, south and east")
    if len(numbers) != 4:
        raise EvaluationError(f"{text!r} is no box.", remedy="Give north, west, south and east.")
    return dict(zip(("north", "west", "south", "east"), numbers, strict=True))


def _numbers(text: str, wanted: str) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in text.split(","))
    except ValueError:
        raise EvaluationError(f"{text!r} is not {wanted}.", remedy=f"Give {wanted}.") from None
