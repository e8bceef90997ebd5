"""The page that benchmarks/maps.py looks at: three maps drawn in one of several ways.

    streamlit run benchmarks/maps_app.py    with ?way=canvas&rows=721&columns=1440 in the address

The fields are made before anything is timed. Every drawing is of other fields and another variable
than the last one.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from aurora_dash.figures.coastlines import outlines  # noqa: E402
from aurora_dash.figures.colours import colour_map  # noqa: E402
from aurora_dash.figures.panels import PanelSet, comparison_panels  # noqa: E402
from aurora_dash.figures.scene import Scene  # noqa: E402
from aurora_dash.ui import state  # noqa: E402
from aurora_dash.ui.map_canvas import map_canvas  # noqa: E402
from aurora_dash.variables import Group, describe  # noqa: E402

FIELDS = 8
VARIABLES = ("2t", "10u")
ZOOM = (-10.0, 30.0, 40.0, 60.0)
"""West, east, south and north of the part that is zoomed to."""


@st.cache_resource
def fields(rows: int, columns: int) -> list[NDArray[np.float32]]:
    """Waves on a gradient from pole to pole, with the unrest of a real field."""
    rng = np.random.default_rng(2026)
    latitude = np.deg2rad(np.linspace(90, -90, rows, dtype=np.float32))[:, None]
    longitude = np.deg2rad(np.arange(columns, dtype=np.float32) * 360 / columns)[None]
    unrest = rng.normal(0, 0.4, (rows, columns)).astype(np.float32)
    made = []
    for number in range(FIELDS):
        phase = np.float32(0.4 * number)
        waves = 6 * np.sin(3 * longitude + phase) + 4 * np.cos(7 * longitude - 4 * latitude + phase)
        field = 288 - 45 * np.sin(latitude) ** 2 + waves * np.cos(latitude)
        made.append((field + np.roll(unrest, 31 * number, axis=1)).astype(np.float32))
    return made


def panels(rows: int, columns: int, number: int) -> PanelSet:
    """Prediction, target and error of the drawing of that number."""
    made = fields(rows, columns)
    scene = Scene(
        variable=describe(VARIABLES[number % 2], Group.SURFACE),
        latitudes=np.linspace(90, -90, rows),
        longitudes=np.arange(columns) * 360 / columns,
        valid_time=datetime(2026, 1, 1) + timedelta(hours=6 * number),
        lead_hours=6 * number,
    )
    half = FIELDS // 2
    prediction, target = made[number % half], made[half + number % half]
    return comparison_panels(prediction, target, scene, None)


def canvas(shown: PanelSet, *, zoomed: bool) -> None:
    """As the dashboard draws them; the browser zooms by itself."""
    del zoomed
    # So that everything travels each time, as on a first visit.
    state.maps_held().clear()
    map_canvas(shown, key="maps")


def plotly(shown: PanelSet, *, zoomed: bool) -> None:
    """A plain heat map of all cells for each panel; zoomed, the axes' ranges are the part's."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    titles = [panel.title for panel in shown.panels]
    figure = make_subplots(1, len(titles), subplot_titles=titles)
    x, y = shown.grid.longitudes, shown.grid.latitudes
    for place, panel in enumerate(shown.panels, 1):
        scale = shown.scales[panel.scale]
        heat = go.Heatmap(z=panel.values, x=x, y=y, zmin=scale.low, zmax=scale.high)
        figure.add_trace(heat, row=1, col=place)
    if zoomed:
        figure.update_xaxes(range=ZOOM[:2])
        figure.update_yaxes(range=ZOOM[2:])
    st.plotly_chart(figure, key=None)


def cartopy(shown: PanelSet, *, zoomed: bool) -> None:
    """`pcolormesh` on Cartopy's axes with the same coastlines, through `st.pyplot`."""
    from cartopy import crs
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 3), dpi=100)
    x, y = shown.grid.longitudes, shown.grid.latitudes
    coast = outlines(shown.grid.window)
    for place, panel in enumerate(shown.panels, 1):
        scale = shown.scales[panel.scale]
        axes: Any = figure.add_subplot(1, 3, place, projection=crs.PlateCarree())
        look: dict[str, Any] = {"vmin": scale.low, "vmax": scale.high}
        look["cmap"] = colour_map(scale.cmap)
        axes.pcolormesh(x, y, panel.values, transform=crs.PlateCarree(), **look)
        axes.add_geometries([coast], crs.PlateCarree(), facecolor="none", edgecolor="0.1")
        axes.set_title(panel.title)
        if zoomed:
            axes.set_extent(ZOOM, crs.PlateCarree())
    st.pyplot(figure)


def main() -> None:
    """Buttons, and what they ask for."""
    st.set_page_config(layout="wide")
    asked = st.query_params
    rows, columns = int(asked["rows"]), int(asked["columns"])
    fields(rows, columns)
    number = st.session_state.setdefault("number", 0)
    with st.container(horizontal=True):
        if st.button("Hide"):
            st.session_state["shown"] = False
        if any([st.button("Show"), st.button("Change")]):
            st.session_state["shown"] = True
            number = st.session_state["number"] = number + 1
        zoomed = st.button("Closer")
    st.text(f"Drawing {number}{' zoomed' if zoomed else ''}")
    if st.session_state.get("shown"):
        draw = {"canvas": canvas, "plotly": plotly, "cartopy": cartopy}[asked["way"]]
        draw(panels(rows, columns, number), zoomed=zoomed)


main()
