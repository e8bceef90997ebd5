"""What the panels of a map figure show, in which colours, and what must be said beside them.

The interactive maps and those for print are two ways of drawing the same `PanelSet`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.figures.colours import ColourScale, difference_scale, field_scale
from aurora_dash.figures.scene import Grid, Scene


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One map of a figure."""

    title: str
    values: NDArray[np.float32]
    """(H, W) in the grid's order."""
    scale: int
    """Index of its colour scale among the figure's."""


@dataclass(frozen=True, kw_only=True)
class PanelSet:
    """All maps of a figure."""

    panels: tuple[Panel, ...]
    scales: tuple[ColourScale, ...]
    scene: Scene
    grid: Grid

    @property
    def scale_indices(self) -> tuple[int, ...]:
        """Of each panel."""
        return tuple(panel.scale for panel in self.panels)

    @property
    def remarks(self) -> list[str]:
        """What goes below the maps."""
        missing = any(np.isnan(panel.values).any() for panel in self.panels)
        attribution = [self.scene.attribution] if self.scene.attribution else []
        return ["Grey: no value.", *attribution] if missing else attribution

    @property
    def badge(self) -> str:
        """The scene's labels in capitals."""
        return " · ".join(label.upper() for label in self.scene.labels)


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
    grid = Grid.of(scene)
    fields = [grid.field(prediction, "The prediction"), grid.field(target, "The target")]
    differences = [scene.difference(*fields)]
    titles = ["Prediction", "Target", "Prediction − target"]
    if persistence is not None:
        held = grid.field(persistence, "The persistence forecast")
        differences.append(scene.difference(held, fields[1]))
        titles.append("Persistence − target")
    panels = [
        Panel(title=title, values=values, scale=int(index >= len(fields)))
        for index, (title, values) in enumerate(zip(titles, fields + differences, strict=True))
    ]
    return PanelSet(
        panels=tuple(panels),
        scales=(field_scale(scene.variable, fields), difference_scale(scene.variable, differences)),
        scene=scene,
        grid=grid,
    )
