"""Scores of plain arrays, as an evaluation computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from aurora_dash.evaluation.areas import make_areas
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.outcome import ranks_table, score_table, spectra_table
from aurora_dash.evaluation.statistics import Scorer
from aurora_dash.evaluation.table import TableOptions
from aurora_dash.evaluation.targets import Target
from aurora_dash.variables import Group, describe

LATITUDES = np.array([80.0, 50.0, 10.0])
LONGITUDES = np.array([0.0, 10.0, 20.0, 30.0])
START = np.datetime64("2025-01-01T00", "ns")


def make_layout(
    names: Sequence[str] = ("2t",),
    *,
    latitudes: np.ndarray = LATITUDES,
    longitudes: np.ndarray = LONGITUDES,
    sources: Sequence[str] = ("model",),
    levels: Sequence[float] = (),
    leads: Sequence[int] = (6,),
    regions: Sequence[str] = ("global",),
    land: np.ndarray | None = None,
    thresholds: Mapping[str, Sequence[float]] | None = None,
    neighbourhoods: Sequence[int] = (3,),
) -> Layout:
    group = Group.ATMOSPHERIC if levels else Group.SURFACE
    return Layout(
        targets=tuple(Target(variable=describe(name, group)) for name in names),
        levels=tuple(levels),
        lead_hours=tuple(leads),
        sources=tuple(sources),
        areas=make_areas(regions, (), latitudes, longitudes, land),
        latitudes=latitudes,
        longitudes=longitudes,
        thresholds=thresholds or {},
        neighbourhoods=tuple(neighbourhoods),
    )


def score_fields(
    layout: Layout,
    measures: Sequence[str],
    forecasts: Mapping[str, Mapping[str, np.ndarray]],
    target: Mapping[str, np.ndarray],
    climatology: Mapping[str, np.ndarray] | None = None,
    *,
    starts: np.ndarray | None = None,
    members: int = 1,
    **options: Any,
) -> tuple[xr.Dataset, Scorer]:
    """Fields by canonical name, (time, [level,] lat, lon), forecasts (member, time, ...)."""
    count = len(next(iter(target.values())))
    scorer = Scorer(layout, measures, count, torch.device("cpu"), num_members=members)
    for time in range(count):
        scorer.add(
            time,
            0,
            {key: torch.from_numpy(values[time]) for key, values in target.items()},
            {
                source: {key: torch.from_numpy(values[:, time]) for key, values in fields.items()}
                for source, fields in forecasts.items()
            },
            None
            if climatology is None
            else {key: torch.from_numpy(values[time]) for key, values in climatology.items()},
        )
    scorer.sums.require_scored()
    if starts is None:
        starts = START + np.arange(count) * np.timedelta64(6, "h")
    scored = np.ones((count, len(layout.lead_hours)), bool)
    table = score_table(
        scorer.sums, starts, scored, TableOptions(measures=tuple(measures), **options)
    )
    if scorer.spectrum is not None:
        spectra = spectra_table(layout, scorer.spectrum.scales, scorer.power, scorer.num_spectra)
        table = table.merge(spectra)
    if members > 1:
        table = table.merge(ranks_table(layout, scorer.ranks))
    return table, scorer


def values_of(
    forecast: np.ndarray,
    target: np.ndarray,
    measures: Sequence[str] = ("rmse", "mae", "bias"),
    *,
    name: str = "2t",
    climatology: np.ndarray | None = None,
    **layout: Any,
) -> dict[str, float]:
    """Scores of one surface variable over the whole grid, of forecasts (time, lat, lon)."""
    key = f"surf_{name}"
    table, _ = score_fields(
        make_layout((name,), **layout),
        measures,
        {"model": {key: forecast[None]}},
        {key: target},
        None if climatology is None else {key: climatology},
    )
    return {measure: float(table[measure].values.ravel()[0]) for measure in measures}
