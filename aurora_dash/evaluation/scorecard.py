"""A scorecard: how much nearer to perfect one source is than another, field by field and lead by
lead. Free of torch.

The numbers that pages, figures and reports draw as coloured cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.measures import MEASURES, Values
from aurora_dash.evaluation.table import ALL, axis_of


@dataclass(frozen=True, kw_only=True)
class ScoredField:
    """What one row of a scorecard is of."""

    variable: str
    level: float | None
    """In hPa; None on the surface."""
    unit: str
    """Of the field, not of its score."""
    threshold: float | None = None
    """Of categorical scores, in the unit."""


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """One measure of a source beside a reference; arrays are (row, lead), NaN: not known."""

    measure: str
    source: str
    reference: str
    region: str
    lead_hours: tuple[int, ...]
    rows: tuple[ScoredField, ...]
    values: Values
    """The source's scores."""
    reference_values: Values
    percent: Values
    """Change of the distance from a perfect score: below zero the source is better. Of an error
    that is its own change; of a correlation that of one minus it."""
    significant: NDArray[np.bool_] | None
    """Whether the skill's interval leaves out zero; None where no intervals were made."""


def scorecard_measures(table: xr.Dataset) -> tuple[str, ...]:
    """The measures of a dataset of scores of which there can be a scorecard."""
    return tuple(name for name, rule in MEASURES.items() if name in table and rule.best is not None)


def scorecard(
    table: xr.Dataset,
    measure: str,
    reference: str,
    *,
    source: str = "model",
    region: str | None = None,
    surface: str = ALL,
) -> Scorecard:
    """Compare two sources of ``scores.nc`` over all hours and seasons.

    `region` None is the first that was asked for. `EvaluationError` where the measure or one of
    the sources was not scored, or the measure has no best value.
    """
    if measure not in scorecard_measures(table):
        raise EvaluationError(
            f"There can be no scorecard of {measure!r}.",
            remedy=f"There can be one of {', '.join(scorecard_measures(table))}.",
        )
    sources = table["source"].values.tolist()
    for name in (source, reference):
        if name not in sources:
            raise EvaluationError(
                f"{name!r} was not judged.", remedy=f"Judged were {', '.join(sources)}."
            )
    rule = MEASURES[measure]
    region = table["region"].values[0].item() if region is None else region
    where = {"region": region, "surface": surface}
    axis = axis_of(rule)
    array = _plain(table[measure], where, axis)
    of, against = (array.sel(source=name).values for name in (source, reference))
    distance, far = (abs(values - rule.best) for values in (of, against))
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = 100 * (distance - far) / far
    return Scorecard(
        measure=measure,
        source=source,
        reference=reference,
        region=region,
        lead_hours=tuple(int(lead) for lead in table["lead"].values),
        rows=_rows(table, axis),
        values=of,
        reference_values=against,
        percent=np.where(np.isfinite(percent), percent, np.nan),
        significant=_significant(table, measure, source, reference, where, axis),
    )


def _plain(array: xr.DataArray, where: dict[str, str], axis: str) -> xr.DataArray:
    """By source, row and lead: the place asked for, of all other dimensions the first label."""
    kept = ("source", "reference", axis, "lead")
    others = [str(dim) for dim in array.dims if dim not in kept]
    chosen = {dim: where.get(dim, array[dim].values[0]) for dim in others}
    try:
        return array.sel(chosen)
    except KeyError as error:
        raise EvaluationError(
            f"There are no scores of {array.name} over {', '.join(map(str, where.values()))}."
        ) from error


def _significant(
    table: xr.Dataset,
    measure: str,
    source: str,
    reference: str,
    where: dict[str, str],
    axis: str,
) -> NDArray[np.bool_] | None:
    """Skill is that of the first source against the others."""
    name = f"{measure}_skill_significant"
    first = table["source"].values[0]
    if name not in table or source != first or reference == first:
        return None
    found = _plain(table[name], where, axis).sel(reference=reference)
    return np.asarray(found.values).astype(bool)


def _rows(table: xr.Dataset, axis: str) -> tuple[ScoredField, ...]:
    prefix = "" if axis == "field" else f"{axis}_"
    variables, levels, units = (
        table[prefix + name].values.tolist() for name in ("variable", "level", "unit")
    )
    count = len(variables)
    thresholds = table["threshold"].values.tolist() if axis == "event" else [None] * count
    return tuple(
        ScoredField(
            variable=variable,
            level=None if np.isnan(level) else level,
            unit=unit,
            threshold=threshold,
        )
        for variable, level, unit, threshold in zip(
            variables, levels, units, thresholds, strict=True
        )
    )
