"""Forecasts on disk whose every value is known: made without a model, by the real writers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.evaluation.fields import FieldAxes, FieldKeeper
from aurora_dash.evaluation.forecast_store import ForecastAxes, ForecastStore
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import FIELDS_FILE, EvaluationResult, EvaluationSummary
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, describe

LATITUDES = np.array([60.0, 50.0, 40.0])
LONGITUDES = np.array([0.0, 90.0, 180.0, 270.0])
STARTS = np.array(["2025-01-01T00", "2025-01-01T06"], "M8[ns]")
LEADS = (6, 12)
LEVELS = (850.0, 500.0)
SOURCES = ("model", "persistence", "initial")
KEYS = ("surf_2t", "surf_10u", "surf_10v", "atmos_t")

SPEC = RunSpec.build({"name": "maps", "data": {"source": "demo"}})


def value(source: str, key: str, sample: int, lead: int, level: float | None = None) -> np.ndarray:
    """The field (H, W) that stands in the file for these; no two are alike."""
    first = 1000 * ("target", *SOURCES).index(source) + 100 * KEYS.index(key) + 10 * sample
    first += lead + (0 if level is None else level / 1000)
    return (first + np.arange(12).reshape(3, 4) / 16).astype(np.float32)


def make_result(folder: Path, starts: np.ndarray = STARTS) -> EvaluationResult:
    """An evaluation of two samples and two leads; the last target is not in its data."""
    axes = FieldAxes(
        sources=SOURCES, leads=LEADS, levels=LEVELS, latitudes=LATITUDES, longitudes=LONGITUDES
    )
    keeper = FieldKeeper(axes, KEYS, starts.size)
    for sample, time in enumerate(starts):
        for lead in LEADS:
            for source in ("target", *SOURCES):
                if (source, sample, lead) == ("target", 1, 12):
                    continue
                fields = {key: value(source, key, sample, lead) for key in KEYS[:3]}
                levels = [value(source, "atmos_t", sample, lead, level) for level in LEVELS]
                fields["atmos_t"] = np.stack(levels)
                keeper.put(sample, lead, source, fields, time=time)
    units = {key: {"units": "K" if key.endswith("t") else "m s-1"} for key in KEYS}
    keeper.write(folder / FIELDS_FILE, units)
    summary = EvaluationSummary(
        request=EvaluationRequest(run="maps"),
        checkpoint="run maps, step-00000002",
        variant="small",
        synthetic=True,
        trained_on_synthetic=True,
        random_weights=False,
        sources=SOURCES,
        num_samples=2,
        samples_by_lead={6: 2, 12: 1},
        first_valid_time="2025-01-01T06:00Z",
        last_valid_time="2025-01-01T12:00Z",
        latitudes=(60, 40),
        longitudes=(0, 270),
        height=3,
        width=4,
        levels=LEVELS,
        map_samples=2,
        attribution="made for a test",
    )
    return EvaluationResult(folder=folder, scores=(), summary=summary)


def make_stored(path: Path) -> Path:
    """What a rollout wrote: the model's values of `value`, three leads long."""
    axes = ForecastAxes(
        starts=STARTS,
        lead_hours=(6, 12, 18),
        levels=LEVELS,
        latitudes=LATITUDES,
        longitudes=LONGITUDES,
        variables=(
            *(describe(name, Group.SURFACE) for name in ("2t", "10u", "10v")),
            describe("t", Group.ATMOSPHERIC),
        ),
    )
    provenance = {
        "title": "Forecasts",
        "source": "a test",
        "model_checkpoint": "run b, step-00000009",
        "attribution": "made for a test",
        "synthetic": 1,
        "random_weights": 1,
    }
    store = ForecastStore.open(path, axes, provenance)
    for start in range(2):
        for number, lead in enumerate(axes.lead_hours):
            fields = {key: value("model", key, start, lead) for key in KEYS[:3]}
            fields["atmos_t"] = np.stack(
                [value("model", "atmos_t", start, lead, p) for p in LEVELS]
            )
            store.write(start, number, fields)
    store.finish()
    return path


def make_truth() -> xr.Dataset:
    """Canonical data of three times, the field of each being its hour of the day."""
    times = np.array(["2025-01-01T00", "2025-01-01T06", "2025-01-01T12"], "M8[ns]")
    hours = np.array([0, 6, 12], np.float32)[:, None, None]
    field = np.broadcast_to(hours, (3, 3, 4)).copy()
    return xr.Dataset(
        {"surf_2t": (("time", "latitude", "longitude"), field)},
        {"time": times, "latitude": LATITUDES, "longitude": LONGITUDES},
    )
