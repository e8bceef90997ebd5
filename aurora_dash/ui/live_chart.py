"""A Plotly chart that Streamlit's refreshes update in place.

`st.plotly_chart` makes a new element for each new figure: it blinks and forgets the zoom. Here one
element stays and `Plotly.react` redraws it, so that zoom, pan and hover outlive any number of
refreshes. Plotly's JavaScript comes from the installed plotly package through this server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import plotly.graph_objects as go
import streamlit as st
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs_version
from streamlit.components.v1 import declare_component

from aurora_dash.figures.curves import Plan
from aurora_dash.ui import state
from aurora_dash.ui.live_payload import payload

_SCRIPT = Path(__file__).parent / "browser" / "live_chart.js"

# Streamlit sends a component's script with every refresh of each chart: this one only fetches the
# script proper, once.
_LOADER = """
let script;
export default (component) => {
  const payload = JSON.parse(new TextDecoder().decode(component.data));
  script ??= import(location.origin + payload.script);
  const drawn = script.then((module) => module.default({ ...component, payload }));
  drawn.catch((error) => {
    script = undefined;
    component.parentElement.setAttribute("role", "alert");
    component.parentElement.textContent = `This chart can't be drawn: ${error.message}`;
  });
  return () => drawn.then((letGo) => letGo(), () => {});
};
"""
_chart = st.components.v2.component("aurora_dash.live_chart", js=_LOADER, isolate_styles=False)


def live_chart(
    figure: go.Figure | Plan,
    *,
    key: str,
    height: int = 320,
    link: str | None = None,
    name: str | None = None,
    on_click: Callable[[Any, Any], None] | None = None,
) -> None:
    """Draw `figure`, or bring the chart of that `key` up to date with it.

    Zoom and pan are kept while `figure.layout.uirevision` stays what it is (the key, when the
    figure sets none); a double click resets them. Charts of the same `link` show the same stretch
    of the x axis and the same place under the pointer. Curves that a person hides by the legend
    stay hidden; with a `name` of the chart the URL says which. `on_click` is called with x and y of
    a point that was clicked, before the page is drawn again. Colours of text, grid and background
    follow Streamlit's theme unless the figure sets them outside its template. Data should be numpy
    arrays: they travel as base64, a hundred times faster than lists.
    """
    data, layout = _plain(figure)
    layout = {"uirevision": key} | layout | {"height": height, "autosize": True}
    # Plotly freezes autorange as soon as a transition is named, even one of no duration.
    layout.pop("transition", None)
    held = state.charts_held()
    told, held[key] = payload(data, layout, held.get(key))
    told |= {"key": key, "height": height, "link": link, "clicks": on_click is not None}
    told |= {"plotly": _plotly_url(), "script": _script_url()}
    told["hidden"] = state.hidden_curves(name) if name else []
    _chart(
        key=key,
        data=to_json_plotly(told).encode(),
        # A browser that does not hold the base, such as one whose tab slept, asks for it.
        on_lost_change=lambda: held.pop(key, None),
        on_stretch_change=lambda: _zoomed(key, link),
        on_hidden_change=lambda: _hid(key, name),
        on_point_change=lambda: _clicked(key, on_click),
    )


def _plain(figure: go.Figure | Plan) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout. Not by `to_dict`, which packs arrays for the wire before it is known what
    of them travels."""
    if isinstance(figure, Plan):
        return figure.plain()
    data = [trace.to_plotly_json() for trace in figure.data]
    return data, figure.layout.to_plotly_json()


def _zoomed(key: str, link: str | None) -> None:
    """Keep which stretch a person zoomed to, so that the next figure may show it in detail."""
    stretch = st.session_state[key].get("stretch")
    if link is not None:
        state.stretches()[link] = (_place(stretch[0]), _place(stretch[1])) if stretch else None


def _place(value: float | str) -> float:
    """A place along an axis; Plotly tells those of a clock as text."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1000
    return float(value)


def _hid(key: str, name: str | None) -> None:
    """Keep in the URL which curves a person hid."""
    hidden = st.session_state[key].get("hidden")
    if name is not None and hidden is not None:
        state.hide_curves(name, [str(curve) for curve in hidden])


def _clicked(key: str, on_click: Callable[[Any, Any], None] | None) -> None:
    point = st.session_state[key].get("point")
    if point is not None and on_click is not None:
        on_click(*point)


@cache
def _plotly_url() -> str:
    """The installed package's plotly.min.js."""
    folder = Path(plotly.__file__).parent / "package_data"
    return _url("plotly", folder / "plotly.min.js", get_plotlyjs_version())


@cache
def _script_url() -> str:
    """This chart's own script."""
    return _url("live_chart", _SCRIPT, hashlib.sha256(_SCRIPT.read_bytes()).hexdigest()[:12])


def _url(name: str, file: Path, version: str) -> str:
    """Path of a file on this server, distinct for each version of it.

    A component's route serves a folder of any installed package as it is: no copy to keep fresh,
    no static folder to write into, nothing to configure.
    """
    component = declare_component(name, path=file.parent)
    base = st.get_option("server.baseUrlPath").strip("/")
    path = f"component/{component.name}/{file.name}?v={version}"
    return f"/{base}/{path}" if base else f"/{path}"
