"""Small pictures of findings as SVG text: bars by time, a coarse map, a histogram.

The same text serves pages and reports. Lines and letters are of a grey that is read on light and
on dark pages alike, since an image does not know the page's theme.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from aurora_dash.figures.theme import BLUE, GREEN, GREY, NO_DATA, VERMILION

WIDTH, HEIGHT = 260, 112
"""Of every thumbnail, in pixels."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 6.0, 254.0, 20.0, 92.0
_SHADES = 24


def thumbnail(picture: Mapping[str, Any]) -> str:
    """A picture, as plain data (`Picture.to_dict`), drawn as SVG."""
    draw = {"bars": _bars, "map": _map, "histogram": _histogram}[picture["kind"]]
    title = escape(picture["title"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" font-family="sans-serif" font-size="10" fill="{GREY}">'
        f"<title>{title}</title>{_text(_LEFT, 12, picture['title'])}"
        f"{''.join(draw(picture))}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.2f}" '
        f'fill="{fill}"{more}/>'
    )


def _ends(picture: Mapping[str, Any], right: float = _RIGHT) -> Iterator[str]:
    yield _text(_LEFT, HEIGHT - 7, picture["first"])
    yield _text(right, HEIGHT - 7, picture["last"], anchor="end")


def _columns(values: list[float], colour: str) -> Iterator[str]:
    """Columns side by side over the width, the highest as high as there is room."""
    highest = max(values, default=0.0) or 1.0
    width = (_RIGHT - _LEFT) / max(1, len(values))
    for position, value in enumerate(values):
        height = (_BOTTOM - _TOP) * value / highest
        # What there is a little of must not vanish.
        height = max(height, 1.5) if value > 0 else 0.0
        if height:
            x = _LEFT + position * width
            yield _rect(x, _BOTTOM - height, max(0.8, width - 0.4), height, colour)
    yield _rect(_LEFT, _BOTTOM, _RIGHT - _LEFT, 0.8, GREY)


def _bars(picture: Mapping[str, Any]) -> Iterator[str]:
    values = [value or 0.0 for value in picture["values"]]
    yield from _columns(values, VERMILION)
    yield _text(_RIGHT, 12, f"most {max(values, default=0):.3g}", anchor="end")
    yield from _ends(picture)


def _histogram(picture: Mapping[str, Any]) -> Iterator[str]:
    if picture["band"] is not None:
        low, high = (_LEFT + float(end) * (_RIGHT - _LEFT) for end in picture["band"])
        yield _rect(low, _TOP, max(1.5, high - low), _BOTTOM - _TOP, GREEN, ' fill-opacity="0.3"')
        yield _text(_RIGHT, 12, picture["note"], anchor="end").replace(
            "<text", f'<text fill="{GREEN}"'
        )
    yield from _columns([value or 0.0 for value in picture["values"]], BLUE)
    yield from _ends(picture)


def _map(picture: Mapping[str, Any]) -> Iterator[str]:
    columns = picture["num_columns"]
    cells = np.array([np.nan if v is None else v for v in picture["values"]], dtype=np.float64)
    field = cells.reshape(-1, columns)
    known = field[np.isfinite(field)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    tall = _BOTTOM - _TOP
    wide = min(150.0, max(40.0, tall * columns / field.shape[0]))
    side, rise = wide / columns, tall / field.shape[0]
    for row, line in enumerate(_shades(field, low, high)):
        column = 0
        for colour, run in groupby(line):
            length = len(list(run))
            x, y = _LEFT + column * side, _TOP + row * rise
            # A little larger, so that no seam shows between cells.
            yield _rect(x, y, length * side + 0.3, rise + 0.3, colour)
            column += length
    if picture["mark"] is not None:
        x, y = _LEFT + picture["mark"][0] * wide, _TOP + picture["mark"][1] * tall
        ring = f'fill="none" stroke="{VERMILION}" stroke-width="2"'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {ring}/>'
    beside = _LEFT + wide + 6
    yield _text(beside, _TOP + 9, picture["top"])
    yield _text(beside, _BOTTOM, picture["bottom"])
    yield _text(beside, (_TOP + _BOTTOM) / 2 - 2, f"{low:.4g} to {high:.4g}")
    if picture["note"]:
        yield _text(beside, (_TOP + _BOTTOM) / 2 + 10, f"○ {picture['note']}")
    yield _text(_LEFT, HEIGHT - 7, f"{picture['first']} to {picture['last']}")


def _shades(field: Any, low: float, high: float) -> list[list[str]]:
    colours = [to_hex(colormaps["cividis"](i / (_SHADES - 1))) for i in range(_SHADES)]
    share = (field - low) / ((high - low) or 1.0)
    return [
        [NO_DATA if not np.isfinite(s) else colours[round(float(s) * (_SHADES - 1))] for s in line]
        for line in share
    ]
