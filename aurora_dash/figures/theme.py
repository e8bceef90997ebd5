"""How charts look: colours that colour-blind people tell apart, on light and on dark pages.

The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/). The order puts first those that
keep a contrast of 3:1 against both a white and a near-black page, so that a chart may follow the
theme of the page without changing the colour of any series.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import plotly.graph_objects as go

Mode = Literal["light", "dark"]

BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
GREY = "#666666"
ORANGE = "#E69F00"
SKY = "#56B4E9"

PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
DASHES = ("solid", "dash", "dot")

NO_DATA = "#b4b4b4"
"""Fill of a map where there is no value."""

_TEXT = {"light": "#262730", "dark": "#FAFAFA"}
_GRID = {"light": "#E6E6EA", "dark": "#31333F"}
_PAGE = {"light": "#FFFFFF", "dark": "#0E1117"}


def series_style(index: int) -> tuple[str, str]:
    """Colour and dash of the series at `index`: 21 that differ."""
    return PALETTE[index % len(PALETTE)], DASHES[index // len(PALETTE) % len(DASHES)]


def faint(colour: str, opacity: float) -> str:
    """A colour of the palette (``#rrggbb``) made see-through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


@cache
def template(mode: Mode = "light") -> go.layout.Template:
    """Everything that figures share. The live chart replaces its colours by those of the page."""
    axis = {
        "gridcolor": _GRID[mode],
        "zerolinecolor": _GRID[mode],
        "linecolor": _GRID[mode],
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12}},
    }
    return go.layout.Template(
        layout={
            "colorway": PALETTE,
            "font": {"color": _TEXT[mode], "size": 12, "family": "Source Sans, sans-serif"},
            "paper_bgcolor": _PAGE[mode],
            "plot_bgcolor": _PAGE[mode],
            "title": {
                "x": 0,
                "xref": "paper",
                "y": 1,
                "yanchor": "top",
                "pad": {"t": 8},
                "font": {"size": 15},
            },
            "margin": {"l": 56, "r": 16, "t": 64, "b": 40},
            "hovermode": "x unified",
            "hoverlabel": {"bgcolor": _PAGE[mode], "font": {"color": _TEXT[mode]}},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
            "xaxis": axis,
            "yaxis": axis,
        }
    )
