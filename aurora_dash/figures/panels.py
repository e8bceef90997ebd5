"""What the panels of a map figure show, in which colours, and what must be said beside them.

The interactive maps and those for print are two ways of drawing the same `PanelSet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.errors import DataError
from aurora_dash.figures.colours import ColourScale, difference_scale, extent, field_scale
from aurora_dash.figures.scene import FloatArray, Grid, Scene

NO_VALUE = "Grey: no value."


@dataclass(frozen=True, kw_only=True)
class Wind:
    """Vectors over a map, (H, W) each in m/s towards east and north, NaN where there is none."""

    east: FloatArray
    north: FloatArray


@dataclass(frozen=True, kw_only=True)
class Part:
    """One map of a figure before its colours are known, in the order of the scene's axes."""

    title: str
    values: ArrayLike
    """(H, W)."""
    is_difference: bool = False
    wind: Wind | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One map of a figure."""

    title: str
    values: NDArray[np.float32]
    """(H, W) in the grid's order."""
    scale: int
    """Index of its colour scale among the figure's."""
    is_difference: bool = False
    wind: Wind | None = None
    """In the grid's order."""


@dataclass(frozen=True, kw_only=True)
class PanelSet:
    """All maps of a figure."""

    panels: tuple[Panel, ...]
    scales: tuple[ColourScale, ...]
    scene: Scene
    grid: Grid
    notes: tuple[str, ...] = ()
    """What else must be said, such as why a map that was asked for is not there."""

    @property
    def scale_indices(self) -> tuple[int, ...]:
        """Of each panel."""
        return tuple(panel.scale for panel in self.panels)

    @property
    def has_missing(self) -> bool:
        """Whether a panel lacks a value somewhere."""
        # The least of values of which one is missing is missing, and asks for no memory.
        return any(np.isnan(panel.values.min()) for panel in self.panels)

    @property
    def remarks(self) -> list[str]:
        """What goes below the maps."""
        missing = [NO_VALUE] if self.has_missing else []
        attribution = [self.scene.attribution] if self.scene.attribution else []
        return list(dict.fromkeys([*missing, *self.notes, *attribution]))

    @property
    def badge(self) -> str:
        """The scene's labels in capitals."""
        return " · ".join(label.upper() for label in self.scene.labels)


def panel_set(parts: Sequence[Part], scene: Scene, *, notes: Sequence[str] = ()) -> PanelSet:
    """Maps of one grid: fields on one scale, differences on another, symmetric about zero.

    `DataError` for a part of another shape than the grid's, or no part at all.
    """
    if not parts:
        raise DataError("There is no field to draw.", remedy=" ".join(notes))
    grid = Grid.of(scene)
    fields = [grid.field(part.values, f"The {part.title.lower()}") for part in parts]
    of_fields = [f for f, part in zip(fields, parts, strict=True) if not part.is_difference]
    of_differences = [f for f, part in zip(fields, parts, strict=True) if part.is_difference]
    scales = []
    if of_fields:
        scales.append(field_scale(scene.variable, of_fields))
    if of_differences:
        scales.append(difference_scale(scene.variable, of_differences))
    return PanelSet(
        panels=tuple(
            Panel(
                title=part.title,
                values=values,
                scale=int(part.is_difference and bool(of_fields)),
                is_difference=part.is_difference,
                wind=None if part.wind is None else _ordered(part.wind, grid),
            )
            for part, values in zip(parts, fields, strict=True)
        ),
        scales=tuple(scales),
        scene=scene,
        grid=grid,
        notes=tuple(notes),
    )


def _ordered(wind: Wind, grid: Grid) -> Wind:
    east, north = (grid.field(part, "The wind") for part in (wind.east, wind.north))
    return Wind(east=east, north=north)


def field_panels(values: ArrayLike, scene: Scene, title: str) -> PanelSet:
    """One field (H, W)."""
    grid = Grid.of(scene)
    field = grid.field(values, "The field")
    return PanelSet(
        panels=(Panel(title=title, values=field, scale=0),),
        scales=(field_scale(scene.variable, [field]),),
        scene=scene,
        grid=grid,
    )


def comparison_panels(
    prediction: ArrayLike, target: ArrayLike, scene: Scene, persistence: ArrayLike | None
) -> PanelSet:
    """Prediction and target on one scale; their difference, and persistence's, on another."""
    parts = [Part(title="Prediction", values=prediction), Part(title="Target", values=target)]
    forecasts = [("prediction", "Prediction − target", prediction)]
    if persistence is not None:
        forecasts.append(("persistence forecast", "Persistence − target", persistence))
    grid = Grid.of(scene)
    grid.require(target, "The target")
    for name, title, values in forecasts:
        grid.require(values, f"The {name}")
        error = scene.difference(values, target)
        parts.append(Part(title=title, values=error, is_difference=True))
    return panel_set(parts, scene)


class SharedScales:
    """Colour scales and notes that hold for all frames of an animation, one after another."""

    def __init__(self) -> None:
        self._extents: dict[bool, tuple[float, float]] = {}
        self._has_missing = False

    def add(self, frame: PanelSet) -> None:
        """Take a frame's values into account; they are not kept."""
        self._has_missing = self._has_missing or frame.has_missing
        for panel in frame.panels:
            if np.isfinite(panel.values).any():
                known = self._extents.get(panel.is_difference, ())
                span = extent([panel.values, np.array(known, np.float32)])
                self._extents[panel.is_difference] = span

    def of(self, frame: PanelSet) -> PanelSet:
        """A frame in the colours of all that were added."""
        kinds = {panel.scale: panel.is_difference for panel in frame.panels}
        spans = [np.array(self._extents.get(kinds[i], ()), np.float32) for i in sorted(kinds)]
        scales = tuple(
            difference_scale(frame.scene.variable, [span])
            if kinds[index]
            else field_scale(frame.scene.variable, [span])
            for index, span in enumerate(spans)
        )
        notes = (*frame.notes, *([NO_VALUE] if self._has_missing else []))
        return replace(frame, scales=scales, notes=notes)
