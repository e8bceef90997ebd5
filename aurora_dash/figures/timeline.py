"""Which times are trained on, left out and validated with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from aurora_dash.figures.theme import BLUE, GREY, VERMILION, template

_STYLES = {
    "train": ("trained on", BLUE),
    "gap": ("left out", GREY),
    "validation": ("validated with", VERMILION),
}
_ROW, _FRAME = 26, 92


@dataclass(frozen=True)
class Bar:
    """Times of one use, ``train``, ``gap`` or ``validation``, from `first` to `last` in UTC."""

    use: str
    first: np.datetime64
    last: np.datetime64
    num_times: int


def split_timeline(rows: Mapping[str, Sequence[Bar]]) -> go.Figure:
    """One row for each data set, by its name; bars reach to where the next begins.

    `figure.layout.height` is the height that suits it.
    """
    figure = go.Figure(
        layout={
            "template": template(),
            "height": _FRAME + _ROW * len(rows),
            "barmode": "overlay",
            "bargap": 0.25,
            "hovermode": "closest",
            "margin": {"l": 8, "r": 16, "t": 34, "b": 34},
            "xaxis": {"type": "date", "showgrid": True},
            "yaxis": {
                "type": "category",
                "autorange": "reversed",
                "showgrid": False,
                "showticklabels": any(rows),
            },
        }
    )
    for use, (words, colour) in _STYLES.items():
        bars = [
            (name, bar.first, _end(bars, place), bar)
            for name, bars in rows.items()
            for place, bar in enumerate(bars)
            if bar.use == use
        ]
        if bars:
            figure.add_bar(
                orientation="h",
                name=words,
                marker={"color": colour},
                y=[name for name, *_ in bars],
                base=[_text(first) for _, first, *_ in bars],
                x=[_milliseconds(end - first) for _, first, end, _ in bars],
                customdata=[_words(bar) for *_, bar in bars],
                hovertemplate=f"%{{y}} {words}: %{{customdata}}<extra></extra>",
            )
    return figure


def _end(bars: Sequence[Bar], place: int) -> np.datetime64:
    return bars[place + 1].first if place + 1 < len(bars) else bars[place].last


def _text(time: np.datetime64) -> str:
    return str(np.datetime_as_string(time, unit="m"))


def _milliseconds(length: np.timedelta64) -> float:
    return float(length / np.timedelta64(1, "ms"))


def _words(bar: Bar) -> str:
    return f"{bar.num_times:,} times, {_text(bar.first)} to {_text(bar.last)} UTC"
