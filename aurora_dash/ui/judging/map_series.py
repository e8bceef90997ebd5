"""The forecasts at the point that was clicked, over time."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.drawing import View
from aurora_dash.evaluation.maps.forecasts import Forecasts
from aurora_dash.evaluation.maps.series import PointSeries, over_leads, over_samples
from aurora_dash.figures.forecast_series import forecast_series_figure
from aurora_dash.ui.live_chart import live_chart

_ALONG = {
    "leads": "Over the leads of this forecast",
    "samples": "Over all forecasts, at this lead",
}
_HEIGHT = 320


def draw(
    forecasts: Forecasts,
    view: View,
    other: Other | None,
    point: tuple[float, float] | None,
    identity: str,
) -> None:
    """Prediction, target and persistence at a (latitude, longitude), and their download."""
    if point is None:
        st.caption("Click into a map for the forecasts at that point over time.")
        return
    along = st.segmented_control(
        "Series",
        list(_ALONG),
        default="leads",
        required=True,
        format_func=_ALONG.__getitem__,
        label_visibility="collapsed",
        key="map-series-along",
        bind="query-params",
    )
    series = _read(forecasts, view, other, point, along or "leads", identity)
    scene = forecasts.scene(view.at)
    where = f"{series.latitude:g}° N, {series.longitude:g}° E"
    level = "" if view.at.level is None else f" at {view.at.level:g} hPa"
    title = f"{scene.variable.long_name}{level}, {where}"
    figure = forecast_series_figure(series.valid_times, series.lines, scene.variable, title)
    live_chart(figure, key="map-series", height=_HEIGHT)
    if series.stride > 1:
        st.caption(f"One of every {series.stride} times.")
    st.download_button(
        "CSV",
        lambda: pd.DataFrame(series.records()).to_csv(index=False),
        file_name=f"{view.at.key}-{series.latitude:g}N-{series.longitude:g}E.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="map-series-csv",
    )


@st.cache_data(max_entries=64, show_spinner="Reading the series")
def _read(
    _forecasts: Forecasts,
    view: View,
    _other: Other | None,
    point: tuple[float, float],
    along: str,
    identity: str,
) -> PointSeries:
    read = over_leads if along == "leads" else over_samples
    return read(_forecasts, view.at, point, view.source, _other)
