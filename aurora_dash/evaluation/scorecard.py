"""A scorecard: how much nearer to perfect one source is than another, field by field and lead by
lead. Free of torch.

The numbers that pages, figures and reports draw as coloured cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    **labels: Any,
) -> Scorecard:
    """Compare two sources of ``scores.nc``.

    `region` None is the first that was asked for; `labels` say which hour, season and
    neighbourhood, by default all of them or the first. `EvaluationError` where the measure or one
    of the sources was not scored, or the measure has no best value.
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
    where = {"region": region, "surface": surface, **labels}
    array = scores_where(table, measure, where)
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
        rows=scored_fields(table, measure),
        values=of,
        reference_values=against,
        percent=np.where(np.isfinite(percent), percent, np.nan),
        significant=_significant(table, measure, source, reference, where),
    )


def scores_where(table: xr.Dataset, name: str, where: Mapping[str, Any]) -> xr.DataArray:
    """A variable of ``scores.nc`` by source (or reference), row and lead, at one place.

    Ranks stay apart too. `where` are labels of other dimensions; of those it does not name the
    first is taken. What it names besides is passed over: spectra have no region. `EvaluationError`
    for an unknown label.
    """
    array = table[name]
    kept = ("source", "reference", "field", "wind", "event", "lead", "rank")
    others = [str(dim) for dim in array.dims if dim not in kept]
    chosen = {dim: where.get(dim, array[dim].values[0]) for dim in others}
    try:
        return array.sel(chosen)
    except KeyError as error:
        raise EvaluationError(
            f"There are no scores of {name} over {', '.join(map(str, where.values()))}."
        ) from error


def change_interval(
    table: xr.Dataset, measure: str, reference: str, where: Mapping[str, Any]
) -> tuple[Values, Values] | None:
    """In which the change of the first source against the reference lies, in per cent: lower and
    upper ends (row, lead). None where no intervals were made, as for single hours or seasons."""
    name = f"{measure}_skill"
    if f"{name}_low" not in table or not _is_over_all_times(where):
        return None
    if reference not in table["reference"].values:
        return None
    low, high = (
        scores_where(table, name + end, where).sel(reference=reference).values
        for end in ("_low", "_high")
    )
    return -100 * high, -100 * low


def _significant(
    table: xr.Dataset, measure: str, source: str, reference: str, where: Mapping[str, Any]
) -> NDArray[np.bool_] | None:
    """Skill is that of the first source against the others, over all times."""
    name = f"{measure}_skill_significant"
    first = table["source"].values[0]
    if name not in table or source != first or reference == first or not _is_over_all_times(where):
        return None
    found = scores_where(table, name, where).sel(reference=reference)
    return np.asarray(found.values).astype(bool)


def _is_over_all_times(where: Mapping[str, Any]) -> bool:
    return all(where.get(dim, ALL) == ALL for dim in ("hour", "season"))


def scored_fields(table: xr.Dataset, measure: str | None = None) -> tuple[ScoredField, ...]:
    """What a measure was taken of, the rows of its scorecard; without one all single fields."""
    axis = "field" if measure is None else axis_of(MEASURES[measure])
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
