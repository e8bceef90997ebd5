"""Curves over each other, as plain data: what all charts of a training are made of.

A curve is a pair of arrays (x, y) of one length: x is the step, the epoch or whatever the axis
says. Curves are thinned to a bounded number of points, whatever their length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.theme import (
    BLUE,
    DASHES,
    GREEN,
    GREY,
    ORANGE,
    PALETTE,
    PURPLE,
    VERMILION,
    faint,
    template,
)
from aurora_dash.figures.thinning import DEFAULT_POINTS, thin

Curve = tuple[NDArray[Any], NDArray[Any]]
Style = tuple[str, str]
"""Colour and dash."""

NAMED_STYLES: Mapping[str, Style] = {
    "total": (GREY, "solid"),
    "new_embeddings": (VERMILION, "solid"),
    "encoder": (BLUE, "solid"),
    "backbone": (GREEN, "solid"),
    "decoder": (PURPLE, "solid"),
    "lora": (ORANGE, "solid"),
    "existing weights": (BLUE, "solid"),
}
"""A parameter group looks the same on every chart."""

FEW_CURVES = 4
"""As many have their legend in one row between title and chart; that of more lies below."""

_LEGEND_BELOW = {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"}
_FEW_VALUES = 3
_LARGEST_INT = 2**31
_PREFIXES = ("surf_", "static_", "atmos_")


def curves_figure(
    curves: Mapping[str, Curve],
    *,
    title: str,
    y_title: str,
    x_title: str = "Step",
    log_y: bool = False,
    from_zero: bool = False,
    markers: bool = False,
    max_points: int = DEFAULT_POINTS,
) -> Plan:
    """One line a curve, each with a style of its own that it has on every chart; `from_zero`
    shows zero on a linear axis."""
    plan = Plan.of(title, x_title, y_title, log_y=log_y, from_zero=from_zero)
    plan.add_all(curves, max_points, markers=markers)
    return plan


@dataclass(frozen=True)
class Plan:
    """A figure as plain data: Plotly's own objects check every value, at ten times the cost.

    A page that refreshes sends `plain`; whoever wants the figure itself asks for `figure`.
    """

    frame: dict[str, Any]
    """The layout."""
    traces: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        title: str,
        x_title: str,
        y_title: str,
        *,
        log_y: bool = False,
        from_zero: bool = False,
    ) -> Plan:
        """One without curves."""
        axis: dict[str, Any] = {"title": {"text": y_title}, "type": "log" if log_y else "linear"}
        if log_y:
            axis |= {"tickformat": "~g", "nticks": 4}
        elif from_zero:
            axis["rangemode"] = "tozero"
        return cls(
            frame={
                "template": _template(),
                "title": {"text": title},
                "showlegend": True,
                "xaxis": {"title": {"text": x_title}},
                "yaxis": axis,
            }
        )

    def add_all(
        self, curves: Mapping[str, Curve], max_points: int, *, markers: bool = False
    ) -> None:
        """Draw several curves, none of which looks like another."""
        for (name, curve), style in zip(curves.items(), _styles(curves), strict=True):
            self.add(words(name), curve, style, max_points, markers=markers)

    def add(
        self,
        name: str,
        curve: Curve,
        style: Style,
        max_points: int = DEFAULT_POINTS,
        *,
        markers: bool = False,
        fill: bool = False,
        opacity: float = 1,
    ) -> None:
        """Draw a curve; nothing where it has no point yet."""
        x, y = thin(*curve, max_points)
        num_values = np.isfinite(y).sum()
        if not num_values:
            return
        colour, dash = style
        trace: dict[str, Any] = {
            "type": "scatter",
            "name": name,
            "x": compact(x),
            "y": y.astype(np.float32),
            "mode": "lines+markers" if markers or num_values < _FEW_VALUES else "lines",
            "line": {"color": faint(colour, opacity), "dash": dash, "width": 1.5},
            "marker": {"color": colour, "size": 7},
            "hovertemplate": "%{y:.4~g}",
            "connectgaps": False,
        }
        if fill:
            trace |= {"fill": "tozeroy", "fillcolor": faint(colour, 0.25)}
        self.traces.append(trace)

    def add_level(self, name: str, value: float, beside: Iterable[Curve]) -> None:
        """A dotted horizontal line as long as the curves beside it."""
        ends = [x[index] for x, _ in beside if x.size for index in (0, -1)]
        if not ends:
            return
        self.traces.append(
            {
                "type": "scatter",
                "name": name,
                "x": [float(min(ends)), float(max(ends))],
                "y": [value, value],
                "mode": "lines",
                "line": {"color": GREY, "dash": "dot", "width": 2},
                "hoverinfo": "skip",
            }
        )

    def plain(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Traces and layout; words in the place of bare axes where there is nothing to show."""
        if not self.traces:
            hidden = {"visible": False}
            said = {
                "text": "Nothing recorded yet",
                "x": 0.5,
                "y": 0.5,
                "xref": "paper",
                "yref": "paper",
                "showarrow": False,
            }
            axes = {axis: self.frame[axis] | hidden for axis in ("xaxis", "yaxis")}
            return [], self.frame | axes | {"annotations": [said]}
        if len(self.traces) > FEW_CURVES:
            # In several rows it would cover the title.
            return self.traces, self.frame | {"legend": _LEGEND_BELOW, "margin": {"t": 40}}
        return self.traces, self.frame

    def figure(self) -> go.Figure:
        """The same as Plotly's own object."""
        data, layout = self.plain()
        return go.Figure({"data": data, "layout": layout}, _validate=False)


def compact(x: NDArray[Any]) -> NDArray[Any]:
    """Half the bytes where that loses nothing one could see: steps as whole numbers, epochs and
    minutes in single precision; moments, which are large, stay as they are."""
    largest = np.abs(x).max(initial=0)
    if not np.isfinite(largest) or largest < _LARGEST_INT:
        whole = np.isfinite(x).all() and (x == np.rint(x)).all()
        return x.astype(np.int32 if whole else np.float32)
    return x


def words(name: str) -> str:
    """What a group of parameters is called: ``new embeddings``, ``new embeddings: tp``."""
    group, _, variable = name.partition("/")
    for prefix in _PREFIXES:
        variable = variable.removeprefix(prefix)
    return group.replace("_", " ") + (f": {variable}" if variable else "")


def _styles(names: Iterable[str]) -> Iterator[Style]:
    """One for each name: that of its group, or the next that no group has."""
    there = list(names)
    taken = {NAMED_STYLES[name] for name in there if name in NAMED_STYLES}
    free = [(c, dash) for dash in DASHES for c in PALETTE if (c, dash) not in taken]
    unnamed = 0
    for name in there:
        if name in NAMED_STYLES:
            yield NAMED_STYLES[name]
        else:
            yield free[unnamed % len(free)]
            unnamed += 1


@cache
def _template() -> dict[str, Any]:
    plain: dict[str, Any] = template().to_plotly_json()
    return plain
