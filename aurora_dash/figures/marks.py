"""What happened during a training, as lines across its charts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from aurora_dash.figures.curves import Plan
from aurora_dash.figures.theme import VERMILION

_HOVER_WIDTH = 48


@dataclass(frozen=True)
class Mark:
    """Something that happened at a place along a chart."""

    x: float
    text: str
    """Shown under the mouse."""


def add_marks(figure: Plan, marks: Sequence[Mark], *, colour: str = VERMILION) -> Plan:
    """Vertical lines from bottom to top, with their texts under the mouse; the figure itself.

    They have an axis of their own, from 0 to 1, so that they change neither range nor scale.
    """
    if not marks or not figure.traces:
        return figure
    x = [value for mark in marks for value in (mark.x, mark.x, mark.x, None)]
    y = [value for _ in marks for value in (0.0, 0.5, 1.0, None)]
    texts = [value for mark in marks for value in (_folded(mark.text),) * 3 + ("",)]
    figure.traces.append(
        {
            "type": "scatter",
            "name": "alert" if len(marks) == 1 else "alerts",
            "x": x,
            "y": y,
            "yaxis": "y2",
            "text": texts,
            "mode": "lines",
            "line": {"color": colour, "dash": "dash", "width": 1.5},
            "hovertemplate": "%{text}<extra></extra>",
            "connectgaps": False,
        }
    )
    own_axis = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    figure.frame["yaxis2"] = own_axis
    return figure


def _folded(text: str) -> str:
    """Lines that fit beside the mouse, with nothing taken for markup."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, _HOVER_WIDTH)]
    return "<br>".join(escape(line) for line in lines)
