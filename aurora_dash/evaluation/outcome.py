"""``scores.nc``: all scores of an evaluation as one dataset, written and read. Free of torch.

What is in it says `aurora_dash.evaluation.table`. `curve` and `spectrum` cut out what a figure
shows, `aurora_dash.evaluation.scorecard` compares two sources.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.results import replacing
from aurora_dash.evaluation.table import TableOptions, ranks_table, score_table, spectra_table

if TYPE_CHECKING:
    from aurora_dash.evaluation.plan import Plan
    from aurora_dash.evaluation.statistics import Scorer

TABLE_FILE = "scores.nc"


def tabulate(plan: Plan, scorer: Scorer) -> xr.Dataset:
    """All scores of a plan that was judged."""
    request = plan.request
    options = TableOptions(
        measures=request.measures,
        by_hour="hour" in request.by,
        by_season="season" in request.by,
        confidence=request.confidence,
        block=request.bootstrap_block,
        seed=request.bootstrap_seed,
    )
    table = score_table(scorer.sums, plan.starts, plan.scored, options)
    parts = [table]
    if scorer.spectrum is not None:
        parts.append(
            spectra_table(plan.layout, scorer.spectrum.scales, scorer.power, scorer.num_spectra)
        )
    if len(scorer.ranks) > 2:
        parts.append(ranks_table(plan.layout, scorer.ranks))
    return xr.merge(parts, join="exact", compat="no_conflicts")


def write_table(folder: Path, table: xr.Dataset) -> None:
    """Write ``scores.nc``, whole or not at all; `RunError` if the system refuses."""
    with replacing(folder / TABLE_FILE) as beside:
        try:
            table.to_netcdf(beside, engine="netcdf4")
        except RuntimeError as error:
            # The library's word for a full disk, among others.
            raise EvaluationError(f"Can't write the scores to {folder}: {error}.") from error


def open_table(folder: Path) -> xr.Dataset:
    """The dataset of an evaluation's folder, in memory; `EvaluationError` if it can't be read."""
    path = folder / TABLE_FILE
    try:
        with xr.open_dataset(path, engine="netcdf4") as table:
            return table.load()
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"Can't read the scores in {path}: {error}.", remedy="Evaluate again."
        ) from error


def curve(
    table: xr.Dataset,
    measure: str,
    variable: str,
    level: float | None = None,
    **chosen: Any,
) -> xr.DataArray:
    """A score by source and lead; `chosen` are labels of other dimensions, the first is default.

    `EvaluationError` names what there is if there is no such score.
    """
    if measure not in table:
        known = ", ".join(str(name) for name in table.data_vars)
        raise EvaluationError(f"There is no score {measure!r}.", remedy=f"There are {known}.")
    array = _of_field(table, table[measure], variable, level)
    curves = ("source", "reference", "lead", "event")
    first = {dim: array[dim].values[0] for dim in map(str, array.dims) if dim not in curves}
    return array.sel({**first, **chosen})


def _of_field(
    table: xr.Dataset, array: xr.DataArray, variable: str, level: float | None
) -> xr.DataArray:
    axis = next(dim for dim in ("field", "wind", "event") if dim in array.dims)
    prefix = "" if axis == "field" else f"{axis}_"
    levels, variables = table[f"{prefix}level"].values, table[f"{prefix}variable"].values
    right = np.isnan(levels) if level is None else levels == level
    places = np.flatnonzero((variables == variable) & right)
    if not places.size:
        where = "" if level is None else f" at {level:g} hPa"
        raise EvaluationError(
            f"{variable}{where} was not scored.",
            remedy=f"Scored were {', '.join(dict.fromkeys(variables))}.",
        )
    # One field has one place, but as many events as thresholds.
    return array.isel({axis: places if axis == "event" else places[0]})


def spectrum(
    table: xr.Dataset, variable: str, level: float | None, lead_hours: int
) -> xr.DataArray:
    """Mean power (power_source, wavenumber) of one field; ``wavelength`` is a coordinate.

    `EvaluationError` if no spectra were taken.
    """
    if "power" not in table:
        raise EvaluationError(
            "No spectra were taken.", remedy="Evaluate with the measure spectral_ratio."
        )
    return _of_field(table, table["power"], variable, level).sel(lead=lead_hours)
