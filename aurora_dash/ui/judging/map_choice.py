"""Which fields the maps show. Every choice stands in the address of the page, to be sent on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from aurora_dash.evaluation.maps.drawing import DIFFERENCES, TITLES, Kind, View, wind_of
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.figures.labels import utc
from aurora_dash.figures.raster.projections import Name
from aurora_dash.ui.judging.map_origins import SOURCES
from aurora_dash.variables import describe, split_key

PROJECTIONS: dict[Name, str] = {
    "plate_carree": "Plate carrée",
    "robinson": "Robinson",
    "orthographic": "Orthographic",
    "north_polar_stereographic": "North polar stereographic",
    "south_polar_stereographic": "South polar stereographic",
}

_ALONE = (Kind.PREDICTION, Kind.TARGET, Kind.ERROR, Kind.PERSISTENCE_ERROR)
_BESIDE = (Kind.PREDICTION, Kind.OTHER, Kind.MINUS)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is shown, and how."""

    view: View
    projection: Name
    swipe: bool
    play: bool


def choose_source(forecasts: Forecasts) -> str:
    """Whose forecasts are shown."""
    return str(
        st.selectbox(
            "Prediction of",
            forecasts.sources,
            format_func=lambda source: SOURCES.get(source, source),
            key="map-source",
            bind="query-params",
        )
    )


def choose(forecasts: Forecasts, source: str, *, is_compared: bool) -> Choice:
    """Field, maps and how they are drawn."""
    at = _field(forecasts)
    has_start = forecasts.start(at) is not None
    kinds = _kinds(has_start=has_start, is_compared=is_compared)
    first, second = st.columns([2, 5], vertical_alignment="bottom")
    projection = first.selectbox(
        "Projection",
        list(PROJECTIONS),
        format_func=PROJECTIONS.__getitem__,
        key="map-projection",
        bind="query-params",
    )
    with second.container(horizontal=True, vertical_alignment="bottom"):
        has_wind = wind_of(forecasts.variables, at.key) is not None
        wind = _toggle("Wind", "map-wind", disabled=not has_wind)
        swipe = _toggle(
            "Swipe", "map-swipe", disabled=len(kinds) < 2, help="The first two maps in one."
        )
        play = _toggle("Animate", "map-animate", disabled=len(forecasts.lead_hours) < 2)
    view = View(at=at, source=source, kinds=kinds, wind=wind and has_wind)
    return Choice(view=view, projection=projection, swipe=swipe, play=play)


def variable_name(key: str) -> str:
    """A canonical key as a list shows it: ``2t · 2 m temperature``."""
    group, name = split_key(key)
    return f"{name} · {describe(name, group).long_name}"


def _field(forecasts: Forecasts) -> At:
    first, second, third, fourth = st.columns([3, 2, 3, 2])
    with first:
        key = st.selectbox(
            "Variable",
            list(forecasts.variables),
            format_func=variable_name,
            key="map-variable",
            bind="query-params",
        )
    with second:
        levels = forecasts.levels(key)
        level = _slider("Level", levels, "map-level", " hPa") if levels else None
        if level is None:
            st.selectbox("Level", ["surface"], disabled=True, key="map-no-level")
    with fourth:
        lead = _slider("Lead time", forecasts.lead_hours, "map-lead", " h")
    with third:
        starts = forecasts.starts.tolist()
        sample = st.selectbox(
            "Forecast from",
            range(len(starts)),
            format_func=lambda index: utc(starts[index]),
            key="map-start",
            bind="query-params",
        )
    return At(key=key, level=level, sample=sample, lead_hours=int(lead))


def _slider(label: str, values: Sequence[float], key: str, unit: str) -> float:
    """One of several values; a slider needs two ends."""
    if len(values) == 1:
        st.selectbox(label, [f"{values[0]:g}{unit}"], disabled=True, key=f"{key}-only")
        return values[0]
    return float(
        st.select_slider(
            label,
            values,
            format_func=lambda value: f"{value:g}{unit}",
            key=key,
            bind="query-params",
        )
    )


def _kinds(*, has_start: bool, is_compared: bool) -> tuple[Kind, ...]:
    """The maps that are drawn, in the order of `Kind`."""
    usual = _BESIDE if is_compared else _ALONE
    offered = [
        kind
        for kind in Kind
        if (has_start or Kind.START not in (kind, *DIFFERENCES.get(kind, ())))
        and (is_compared or Kind.OTHER not in (kind, *DIFFERENCES.get(kind, ())))
    ]
    chosen = st.pills(
        "Maps",
        offered,
        selection_mode="multi",
        default=[kind for kind in usual if kind in offered],
        format_func=TITLES.__getitem__,
        key=f"map-show{'-ab' * is_compared}",
        bind="query-params",
    )
    return tuple(kind for kind in offered if kind in chosen) or (Kind.PREDICTION,)


def _toggle(label: str, key: str, *, disabled: bool, help: str | None = None) -> bool:
    return st.toggle(label, key=key, disabled=disabled, help=help, bind="query-params")
