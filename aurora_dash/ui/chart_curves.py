"""How the charts of one run are drawn, and the curves that they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from aurora_dash.figures.curves import Curve
from aurora_dash.figures.thinning import DEFAULT_POINTS
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui import chart_axes
from aurora_dash.ui.series import Within, series_of

Split = Literal["train", "validation"]

_SHARED_POINTS = 2 * DEFAULT_POINTS
"""Of all curves of a chart that has many."""
_FEWEST_POINTS = 64


@dataclass(frozen=True)
class View:
    """How the charts are drawn."""

    axis: str = "Step"
    smoothing: float = 0.0
    log: bool = False
    """Whether the upright axes of all charts are logarithmic; norms and losses by variable always
    are."""
    newest: bool = False
    """Only the newest tenth, which moves on with the training."""
    stretch: tuple[float, float] | None = None
    """The stretch of the axis that a person zoomed to, drawn in full detail."""
    clip: float | None = None
    """Where the run clips its gradients."""
    split: Split = "train"
    """Whose losses by variable and level are drawn."""
    variables: tuple[str, ...] | None = None
    """Those that are drawn; None: all."""
    groups: tuple[str, ...] | None = None
    """Groups of parameters and new variables that are drawn; None: all."""

    @property
    def x_title(self) -> str:
        """What the axis is called."""
        return chart_axes.TITLES[self.axis]

    @property
    def within(self) -> Within:
        """What is drawn in full detail."""
        return "newest" if self.newest else self.stretch


def curve(
    table: MetricsTable,
    view: View,
    name: str,
    split: Split = "train",
    *,
    smoothing: float = 0.0,
    num_curves: int = 1,
) -> Curve:
    """A column along the axis of the view, one of several curves of a chart."""
    return series_of(table).curve(
        view.axis,
        name,
        split,
        smoothing=smoothing,
        max_points=points(num_curves),
        within=view.within,
    )


def sparse(table: MetricsTable, view: View, names: Iterable[str]) -> dict[str, Curve]:
    """Columns that only some records have, joined over the others."""
    names = tuple(names)
    return {
        name: series_of(table).sparse(
            view.axis, name, max_points=points(len(names)), within=view.within
        )
        for name in names
    }


def under(
    table: MetricsTable, view: View, prefix: str, chosen: tuple[str, ...] | None = None
) -> dict[str, Curve]:
    """The columns whose names begin with a prefix, without it; of those the `chosen` ones."""
    found = sparse(table, view, (prefix + rest for rest in rests(table, prefix, chosen)))
    return {name.removeprefix(prefix): drawn for name, drawn in found.items()}


def rests(
    table: MetricsTable, prefix: str, chosen: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    """What follows a prefix in the names of columns that begin with it."""
    found = [name.removeprefix(prefix) for name in table.names() if name.startswith(prefix)]
    return tuple(rest for rest in found if chosen is None or rest in chosen)


def by_process(table: MetricsTable, view: View, field: str, title: str) -> Mapping[str, Curve]:
    """What the processes of a run take of their machines: ``title``, or ``title 0``, ``title 1``
    and so on where there are several."""
    others = [
        (int(rest.partition("/")[0]), f"process/{rest}")
        for rest in rests(table, "process/")
        if rest.partition("/")[2] == field
    ]
    if not others:
        (alone,) = sparse(table, view, [field]).values()
        return {title: alone}
    names = [field, *(name for _, name in sorted(others))]
    ranks = [0, *(rank for rank, _ in sorted(others))]
    drawn = sparse(table, view, names).values()
    return {f"{title} {rank}": one for rank, one in zip(ranks, drawn, strict=True)}


def points(num_curves: int) -> int:
    """How many points each of the curves of a chart may have."""
    return max(_FEWEST_POINTS, min(DEFAULT_POINTS, _SHARED_POINTS // max(1, num_curves)))
