"""What travels to a live chart: a figure once, and from then on only what is new in it.

A chart that grows keeps nearly all of its points from one refresh to the next. The browser holds
the points of the last whole figure (the base); a refresh sends, for every trace, from which point
on it differs from the base, and the points from there. So it does not matter whether the browser
drew the refreshes between. Free of streamlit.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.io.json import to_json_plotly

Arrays = list[dict[str, NDArray[Any]]]

_GROWING = ("x", "y")
_LARGEST_NUMBER = 8
"""Bytes."""
_LARGEST_TAIL = 0.25
"""A tail that is a larger share of the whole is sent as a new base, from which tails are short."""


@dataclass(frozen=True)
class Base:
    """The last figure that was sent whole."""

    id: str
    frame: str
    """Everything but the points, as JSON."""
    arrays: Arrays
    count: int
    """All numbers of the arrays."""


def payload(
    data: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], base: Base | None
) -> tuple[dict[str, Any], Base]:
    """What brings a browser that holds `base` up to date, and what it holds then.

    `data` are traces as plain data. The keys: `base`, the id of the figure that tails refer to;
    `frame`, traces and layout without points, None if they are those of the base; `arrays`, the
    points by trace and axis; `starts`, from which point on those are meant, None for a whole one.
    """
    traces, arrays = _apart(data)
    frame = {"data": _light(traces), "layout": _light(layout)}
    text = to_json_plotly(frame)
    starts = _starts(base, arrays) if base is not None else None
    is_new = True
    if base is None or starts is None:
        count = sum(values.size for trace in arrays for values in trace.values())
        base = Base(id=secrets.token_hex(4), frame=text, arrays=arrays, count=count)
    else:
        is_new = text != base.frame
    tails = [
        {axis: packed(values[start:]) for axis, values in trace.items()}
        for trace, start in zip(arrays, starts or [0] * len(arrays), strict=True)
    ]
    told = {"base": base.id, "frame": frame if is_new else None, "arrays": tails, "starts": starts}
    return told, base


def packed(values: NDArray[Any]) -> Any:
    """Numbers as the bytes of a typed array, as Plotly's own JSON has them; else a list."""
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > _LARGEST_NUMBER:
        return values.tolist()
    if values.dtype.kind in "iu" and values.dtype.itemsize == _LARGEST_NUMBER:
        # Browsers have no typed arrays of such whole numbers that charts understand.
        values = values.astype(np.float64)
    content = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    told = {"dtype": f"{values.dtype.kind}{values.dtype.itemsize}", "bdata": content}
    if values.ndim > 1:
        told["shape"] = ", ".join(map(str, values.shape))
    return told


def _light(value: Any) -> Any:
    """Plain data with numbers as bytes, wherever arrays of them are."""
    if isinstance(value, np.ndarray):
        return packed(value) if value.dtype.kind in "iuf" else value
    if isinstance(value, Mapping):
        return {key: _light(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_light(inner) for inner in value]
    return value


def _apart(data: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], Arrays]:
    """Traces without their points, and the points."""
    traces, arrays = [], []
    for trace in data:
        growing = {
            axis: trace[axis] for axis in _GROWING if isinstance(trace.get(axis), np.ndarray)
        }
        # A heat map's axes belong to its grid, which is no row of points.
        growing = {} if "z" in trace else growing
        traces.append({key: value for key, value in trace.items() if key not in growing})
        arrays.append(growing)
    return traces, arrays


def _starts(base: Base, arrays: Arrays) -> list[int] | None:
    """Where each trace begins to differ from the base; None if a new base is better."""
    if [sorted(trace) for trace in arrays] != [sorted(trace) for trace in base.arrays]:
        return None
    starts = [_start(old, new) for old, new in zip(base.arrays, arrays, strict=True)]
    tail = sum(
        max(0, values.size - start)
        for trace, start in zip(arrays, starts, strict=True)
        for values in trace.values()
    )
    return starts if tail <= _LARGEST_TAIL * base.count else None


def _start(old: Mapping[str, NDArray[Any]], new: Mapping[str, NDArray[Any]]) -> int:
    """How many points at the beginning are the same on all axes."""
    same = [_num_same(old[axis], new[axis]) for axis in new]
    return min(same, default=0)


def _num_same(old: NDArray[Any], new: NDArray[Any]) -> int:
    if old.dtype != new.dtype or old.ndim != 1 or new.ndim != 1:
        return 0
    length = min(old.size, new.size)
    before, now = old[:length], new[:length]
    # Of numbers, gaps are the same as gaps.
    both_gaps = (before != before) & (now != now)
    differs = (before != now) & ~both_gaps
    return int(differs.argmax()) if differs.any() else length
