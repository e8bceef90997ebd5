"""``scores.nc``: all scores of an evaluation as one dataset, written and read. Free of torch.

What is in it says `aurora_dash.evaluation.table`; `aurora_dash.evaluation.scorecard` cuts out
scores and compares two sources.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.results import replacing
from aurora_dash.evaluation.table import (
    TableOptions,
    field_place,
    ranks_table,
    score_table,
    spectra_table,
)

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
    place = field_place(table, variable, level)
    return table["power"].isel(field=place).sel(lead=lead_hours)
