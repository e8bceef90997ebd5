"""Interactive maps: cells of the grid as they are, coastlines over them, linked panels.

Fields are arrays (H, W) in physical units on the grid of a `Scene`. Nothing is interpolated; a grid
of more cells than a browser draws at ease is shown by every n-th row and column, and says so.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from aurora_dash.figures.coastlines import Layer, outline_points
from aurora_dash.figures.colours import ColourScale, plotly_colours
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.map_layout import Bar, Cell, Plan, plan
from aurora_dash.figures.panels import Panel, PanelSet, comparison_panels, field_panels
from aurora_dash.figures.scene import Grid, Scene
from aurora_dash.figures.theme import NO_DATA, VERMILION, Mode, template

MAX_CELLS = 300_000
"""Of one panel; about 1.2 MB on the wire."""

_TITLE_HEIGHT = 48
_BADGE_HEIGHT = 24
_NOTE_CHARACTERS = 110

_LINES: dict[Layer, dict[str, Any]] = {
    "boundaries": {"color": "rgba(40,40,40,0.45)", "width": 0.6},
    "coastline": {"color": "rgba(20,20,20,0.9)", "width": 1.0},
}


def field_map(
    values: ArrayLike, scene: Scene, *, title: str = "", mode: Mode = "light"
) -> go.Figure:
    """One field (H, W). `figure.layout.height` is the height that suits it."""
    return _draw(field_panels(values, scene, title), 0, mode)


def comparison_maps(
    prediction: ArrayLike,
    target: ArrayLike,
    scene: Scene,
    *,
    persistence: ArrayLike | None = None,
    columns: int = 0,
    mode: Mode = "light",
) -> go.Figure:
    """Prediction, target and prediction minus target (H, W), and persistence minus target if given.

    Prediction and target share one range of colours, the differences another, symmetric about
    zero. Zoom and pan are linked. `figure.layout.height` is the height that suits the panels;
    `columns` of 0 arranges them by the shape of the map.
    """
    return _draw(comparison_panels(prediction, target, scene, persistence), columns, mode)


def _draw(shown: PanelSet, columns: int, mode: Mode) -> go.Figure:
    grid = shown.grid
    stride = _stride(grid)
    notes = _notes(shown, stride)
    places = plan(
        shown.scale_indices,
        grid.height_to_width,
        top=_TITLE_HEIGHT + (_BADGE_HEIGHT if shown.badge else 0),
        bottom=12 + 14 * len(notes),
        columns=columns,
    )
    layout = _frame(shown, places, mode)
    layout["annotations"] = [*_badge(shown.badge), *_footnotes(notes, places)]
    traces: list[Any] = []
    for index, (panel, cell) in enumerate(zip(shown.panels, places.cells, strict=True)):
        number = "" if index == 0 else str(index + 1)
        traces += _traces(panel, shown, stride, number)
        layout |= _axes(grid, cell, number, first_column=cell.x[0] == 0)
        layout["annotations"].append(_panel_title(panel.title, number))
    for index, (scale, bar) in enumerate(zip(shown.scales, places.bars, strict=True)):
        layout[_coloraxis(index)] = _colour_bar(scale, bar, shown.scene)
    return go.Figure(data=traces, layout=layout)


def _traces(panel: Panel, shown: PanelSet, stride: int, number: str) -> list[Any]:
    grid, variable = shown.grid, shown.scene.variable
    unit = "" if variable.unit == "1" else f" {pretty_unit(variable.unit)}"
    heat = go.Heatmap(
        z=panel.values[::stride, ::stride],
        x=grid.longitudes[::stride],
        y=grid.latitudes[::stride],
        coloraxis=_coloraxis(panel.scale),
        xaxis=f"x{number}",
        yaxis=f"y{number}",
        hoverongaps=False,
        hovertemplate=f"%{{y:.2f}}° N, %{{x:.2f}}° E<br><b>%{{z:.6~g}}{unit}</b><extra></extra>",
    )
    lines = []
    for layer, look in _LINES.items():
        x, y = outline_points(grid.window, layer)
        lines.append(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                line=look,
                hoverinfo="skip",
                showlegend=False,
                xaxis=f"x{number}",
                yaxis=f"y{number}",
            )
        )
    return [heat, *lines]


def _axes(grid: Grid, cell: Cell, number: str, *, first_column: bool) -> dict[str, Any]:
    """Axes of one panel: all panels move together, a degree keeps its shape."""
    window = grid.window
    common = {
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "mirror": True,
        "linecolor": "#808080",
        "ticksuffix": "°",
        "nticks": 9,
        "constrain": "domain",
    }
    x_axis = common | {
        "domain": cell.x,
        "anchor": f"y{number}",
        "range": [window.west, window.east],
    }
    y_axis = common | {
        "domain": cell.y,
        "anchor": f"x{number}",
        "range": [window.south, window.north],
        "constraintoward": "bottom",
        "showticklabels": first_column,
    }
    if number:
        x_axis["matches"] = "x"
        y_axis["matches"] = "y"
    else:
        y_axis |= {"scaleanchor": "x", "scaleratio": grid.stretch}
    return {f"xaxis{number}": x_axis, f"yaxis{number}": y_axis}


def _frame(shown: PanelSet, places: Plan, mode: Mode) -> dict[str, Any]:
    scene, window = shown.scene, shown.grid.window
    return {
        "template": template(mode),
        "title": {
            "text": f"<b>{scene.title}</b><br><span style='font-size:12px'>{scene.subtitle}</span>",
            "pad": {"t": 22},
        },
        "height": places.height,
        "margin": {"t": places.top, "b": places.bottom, "l": 56, "r": 16},
        "plot_bgcolor": NO_DATA,
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": ",".join(f"{edge:g}" for edge in window),
    }


def _colour_bar(scale: ColourScale, bar: Bar, scene: Scene) -> dict[str, Any]:
    return {
        "colorscale": plotly_colours(scale.cmap),
        "cmin": scale.low,
        "cmax": scale.high,
        "colorbar": {
            "orientation": "h",
            "x": bar.x,
            "xanchor": "center",
            "y": bar.y,
            "yanchor": "top",
            "len": bar.length,
            "thickness": 10,
            "outlinewidth": 0,
            "ticks": "outside",
            "ticklen": 3,
            "nticks": 7,
            "tickformat": "~g",
            "ticksuffix": f" {pretty_unit(scene.variable.unit)}",
            "showticksuffix": "last",
        },
    }


def _coloraxis(index: int) -> str:
    return "coloraxis" if index == 0 else f"coloraxis{index + 1}"


def _panel_title(text: str, number: str) -> dict[str, Any]:
    return {
        "text": text,
        "xref": f"x{number} domain",
        "yref": f"y{number} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 13},
    }


def _badge(text: str) -> list[dict[str, Any]]:
    """The labels in a frame under the title, where nobody overlooks them."""
    if not text:
        return []
    return [
        {
            "text": text,
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": 1,
            "yshift": _BADGE_HEIGHT,
            "xanchor": "left",
            "yanchor": "top",
            "showarrow": False,
            "font": {"size": 11, "color": VERMILION},
            "bordercolor": VERMILION,
            "borderpad": 3,
        }
    ]


def _notes(shown: PanelSet, stride: int) -> list[str]:
    """Lines under the maps."""
    notes = [line for text in shown.remarks for line in textwrap.wrap(text, _NOTE_CHARACTERS)]
    if stride > 1:
        notes.insert(0, f"One of every {stride} rows and columns of the grid is shown.")
    return notes


def _footnotes(notes: list[str], places: Plan) -> list[dict[str, Any]]:
    if not notes:
        return []
    return [
        {
            "text": "<br>".join(notes),
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": 0,
            "yshift": -places.bottom + 4,
            "xanchor": "left",
            "yanchor": "bottom",
            "align": "left",
            "showarrow": False,
            "font": {"size": 10},
            "opacity": 0.7,
        }
    ]


def _stride(grid: Grid) -> int:
    height, width = grid.shape
    return max(1, int(np.ceil(np.sqrt(height * width / MAX_CELLS))))
