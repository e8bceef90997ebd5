"""The page of a figure: places of maps, colour bars and words, and how they are written."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from aurora_dash.figures.map_layout import Bar, Cell, Plan, fitting_width, plan
from aurora_dash.figures.panels import PanelSet
from aurora_dash.figures.theme import VERMILION

Box = tuple[float, float, float, float]
"""Left, bottom, width and height as fractions of the figure."""

_PIXELS_PER_INCH = 110
"""At which the plan's pixels are printed: 12 of them are a letter of 8 points."""
_LEFT, _RIGHT, _BAR = 62, 20, 11
_TITLE, _BADGE = 50, 26
_NOTE_LINE, _NOTE_CHARACTER = 12, 5.2
_LEAST_INNER = 330
_TICK_SPACING = 56


@dataclass(frozen=True, kw_only=True)
class Page:
    """Turns a plan's pixels into a figure's fractions."""

    inner: float
    places: Plan
    notes: tuple[str, ...]
    """Lines under the maps."""

    @classmethod
    def of(cls, shown: PanelSet, height_to_width: float) -> Self:
        """Room for all maps of a figure, each of that shape, and for its words."""
        inner = max(fitting_width(height_to_width, len(shown.panels)), _LEAST_INNER)
        notes = textwrap.wrap(
            " ".join([*shown.remarks, "Made with Natural Earth."]), int(inner / _NOTE_CHARACTER)
        )
        places = plan(
            shown.scale_indices,
            height_to_width,
            top=_TITLE + (_BADGE if shown.badge else 0),
            bottom=_NOTE_LINE * len(notes) + 8,
            inner_width=inner,
        )
        return cls(inner=inner, places=places, notes=tuple(notes))

    @property
    def width(self) -> float:
        """In pixels of the plan."""
        return self.inner + _LEFT + _RIGHT

    @property
    def inches(self) -> tuple[float, float]:
        """Width and height."""
        return self.width / _PIXELS_PER_INCH, self.places.height / _PIXELS_PER_INCH

    def box(self, cell: Cell) -> Box:
        """Where a map goes."""
        left, right = ((_LEFT + x * self.inner) / self.width for x in cell.x)
        bottom, top = (self._y(y) for y in cell.y)
        return left, bottom, right - left, top - bottom

    def write(self, figure: Figure, shown: PanelSet) -> None:
        """Title, valid time and labels above; remarks and attribution below."""
        left, scene = _LEFT / self.width, shown.scene
        figure.text(left, self._below_top(8), scene.title, va="top", fontsize=11, weight="bold")
        figure.text(left, self._below_top(28), scene.subtitle, va="top", fontsize=9)
        if shown.badge:
            figure.text(
                left,
                self._below_top(52),
                shown.badge,
                va="top",
                color=VERMILION,
                fontsize=8,
                bbox={"edgecolor": VERMILION, "facecolor": "white", "linewidth": 0.6, "pad": 3},
            )
        below = 6 / self.places.height
        figure.text(left, below, "\n".join(self.notes), fontsize=6, color="0.35")

    def draw_bars(self, figure: Figure, images: Sequence[ScalarMappable], unit: str) -> None:
        """The colour bar of each scale, under the maps that it belongs to."""
        for image, bar in zip(images, self.places.bars, strict=True):
            drawn = figure.colorbar(
                image,
                cax=figure.add_axes(self._bar_box(bar)),
                orientation="horizontal",
                ticks=MaxNLocator(
                    max(2, int(bar.length * self.inner / _TICK_SPACING)), steps=[1, 2, 5, 10]
                ),
                format=FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")),
            )
            drawn.set_label(unit, labelpad=1)
            drawn.outline.set_linewidth(0.4)

    def _bar_box(self, bar: Bar) -> Box:
        length = bar.length * self.inner / self.width
        centre = (_LEFT + bar.x * self.inner) / self.width
        thickness = _BAR / self.places.height
        return centre - length / 2, self._y(bar.y) - thickness, length, thickness

    def _below_top(self, pixels: float) -> float:
        return 1 - pixels / self.places.height

    def _y(self, fraction: float) -> float:
        inner = self.places.height - self.places.top - self.places.bottom
        return (self.places.bottom + fraction * inner) / self.places.height
