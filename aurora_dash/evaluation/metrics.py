"""One score as a record of ``scores.json``, and all of them from the dataset of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES, Measure
from aurora_dash.evaluation.table import ALL, axis_of

WHOLE_GRID = "global"
"""Region of what is computed of the grid as a whole, as spectra are."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of ``scores.json``; what follows `source` is None where it does not apply."""

    variable: str
    level: float | None
    lead_hours: int
    region: str
    metric: str
    value: float
    unit: str
    source: str
    surface: str | None = None
    """``land`` or ``sea``; None: both."""
    hour: str | None = None
    """Hour (UTC) of the valid time; None: all."""
    season: str | None = None
    threshold: float | None = None
    """Of categorical scores, in the unit of the variable."""
    neighbourhood: int | None = None
    """Of the fractions skill score, in points."""
    reference: str | None = None
    """Of a skill: the source that it is measured against."""
    low: float | None = None
    high: float | None = None
    """Of a skill: the interval in which it lies."""
    significant: bool | None = None
    """Of a skill: whether that interval leaves out zero."""

    @property
    def is_plain(self) -> bool:
        """Over all hours, seasons and surfaces, and of a field: neither event nor skill."""
        apart = (self.surface, self.hour, self.season, self.threshold, self.reference)
        return all(label is None for label in apart)


def table_scores(table: xr.Dataset) -> tuple[Score, ...]:
    """Every defined number of a dataset of scores, by lead, field, area and source."""
    rows: list[tuple[tuple[int, ...], Score]] = []
    for number, name in enumerate(MEASURES):
        if name in table:
            rows.extend(_rows(table, MEASURES[name], number))
        if MEASURES[name].has_skill and f"{name}_skill" in table:
            rows.extend(_skill_rows(table, MEASURES[name], number))
    return tuple(score for _, score in sorted(rows, key=lambda row: row[0]))


_ORDER = ("lead", "wind", "event", "field", "region", "surface", "hour", "season", "reference",
          "source", "neighbourhood")  # fmt: skip


def _rows(table: xr.Dataset, measure: Measure, number: int) -> Iterator[tuple[Any, Score]]:
    array = table[measure.name]
    describe = _describer(table, array, measure)
    values = array.values
    for place in np.argwhere(np.isfinite(values)):
        at = dict(zip(map(str, array.dims), place.tolist(), strict=True))
        score = Score(
            metric=measure.name,
            value=float(values[tuple(place)]),
            source=str(table["source"].values[at["source"]]),
            **describe(at),
        )
        yield (*_order(at), number), score


def _skill_rows(table: xr.Dataset, measure: Measure, number: int) -> Iterator[tuple[Any, Score]]:
    name = f"{measure.name}_skill"
    array = table[name]
    describe = _describer(table, array, measure)
    values, low, high, significant = (
        table[name + suffix].values for suffix in ("", "_low", "_high", "_significant")
    )
    for place in np.argwhere(np.isfinite(values)):
        at, where = dict(zip(map(str, array.dims), place.tolist(), strict=True)), tuple(place)
        known = bool(np.isfinite(low[where]) and np.isfinite(high[where]))
        score = Score(
            metric=name,
            value=float(values[where]),
            source=str(table["source"].values[0]),
            reference=str(table["reference"].values[at["reference"]]),
            low=float(low[where]) if known else None,
            high=float(high[where]) if known else None,
            significant=bool(significant[where]) if known else None,
            **{**describe(at), "unit": "1"},
        )
        yield (*_order(at), number + len(MEASURES)), score


def _order(at: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(at.get(dim, -1) for dim in _ORDER)


def _describer(
    table: xr.Dataset, array: xr.DataArray, measure: Measure
) -> Callable[[Mapping[str, int]], dict[str, Any]]:
    """What a place in an array of scores is of, as fields of a `Score`."""
    axis = axis_of(measure)
    prefix = "" if axis == "field" else f"{axis}_"
    variables, levels, units = (
        table[prefix + name].values for name in ("variable", "level", "unit")
    )
    labels = {dim: table[dim].values for dim in map(str, array.dims) if dim in table.coords}
    thresholds = table["threshold"].values if axis == "event" else None

    def part(at: Mapping[str, int], dim: str) -> str | None:
        label = str(labels[dim][at[dim]]) if dim in at else ALL
        return None if label == ALL else label

    def describe(at: Mapping[str, int]) -> dict[str, Any]:
        index, level = at[axis], float(levels[at[axis]])
        return {
            "variable": str(variables[index]),
            "level": None if np.isnan(level) else level,
            "lead_hours": int(labels["lead"][at["lead"]]),
            "region": str(labels["region"][at["region"]]) if "region" in at else WHOLE_GRID,
            "unit": measure.unit(str(units[index])),
            "surface": part(at, "surface"),
            "hour": part(at, "hour"),
            "season": part(at, "season"),
            "threshold": None if thresholds is None else float(thresholds[index]),
            "neighbourhood": int(labels["neighbourhood"][at["neighbourhood"]])
            if "neighbourhood" in at
            else None,
        }

    return describe
