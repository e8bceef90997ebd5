"""Where forecasts to draw come from: an evaluation that kept fields, or a file of ``rollout``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

# Before xarray looks for readers, of which eccodes brings a PROJ of its own.
import pyproj  # noqa: F401
import xarray as xr

from aurora_dash.data.places import is_zarr_store
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.forecast_store import LEAD
from aurora_dash.evaluation.maps.forecasts import Forecasts
from aurora_dash.evaluation.results import RANDOM, SYNTHETIC, EvaluationResult
from aurora_dash.evaluation.targets import described
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, Variable, describe, split_key

_SHORT_NAME = "GRIB_shortName"


def of_evaluation(result: EvaluationResult, spec: RunSpec | None) -> Forecasts:
    """The fields that an evaluation kept; `EvaluationError` if it kept none. To be closed.

    `spec` knows the variables that its run registered; None where there is no run.
    """
    if result.fields_path is None:
        raise EvaluationError(
            "The evaluation kept scores only, and no fields.",
            remedy="Start one that keeps samples for maps (max_map_samples).",
        )
    dataset = open_fields(result.fields_path)
    variables = {}
    for key in map(str, dataset.data_vars):
        group, name = split_key(key)
        variable = describe(name, group) if spec is None else described(spec, name, group)
        variables[key] = _told(variable, dataset[key])
    return Forecasts(
        name=result.summary.checkpoint,
        dataset=dataset,
        variables=variables,
        labels=tuple(result.summary.labels),
        attribution=result.summary.attribution,
    )


def of_stored(path: Path, truth: xr.Dataset | None = None) -> Forecasts:
    """Forecasts that ``aurora-dash rollout`` wrote; `EvaluationError` for anything else.

    `truth` is canonical data with targets and initial states. To be closed.
    """
    dataset = _open(path)
    variables = _variables(dataset)
    if not variables or not {"time", LEAD} <= {*dataset.dims}:
        dataset.close()
        raise EvaluationError(
            f"{path} holds no forecasts that aurora-dash rollout wrote.",
            remedy="Choose the .zarr or .nc file that a rollout wrote.",
        )
    hours = dataset[LEAD].values / np.timedelta64(1, "h")
    starts = dataset["time"].values
    kept = dataset[list(variables)].drop_vars([LEAD, "time", "valid_time"])
    kept = kept.rename({"time": "sample", LEAD: "lead"})
    kept = kept.rename({name: variable.key for name, variable in variables.items()})
    holds = {SYNTHETIC: "synthetic", RANDOM: "random_weights"}
    return Forecasts(
        name=str(dataset.attrs.get("model_checkpoint", path.name)),
        dataset=kept.assign_coords(lead=hours.round().astype(int), time=("sample", starts)),
        variables={variable.key: variable for variable in variables.values()},
        labels=tuple(label for label, name in holds.items() if dataset.attrs.get(name)),
        attribution=str(dataset.attrs.get("attribution", "")),
        truth=truth,
    )


def stored_forecasts(run: Run) -> tuple[Path, ...]:
    """Files of forecasts in a run's folder, the newest first."""
    folder = run.forecast_folder
    # Those of the command line, and those of the page in folders of their own.
    found = [
        path
        for pattern in ("*.nc", "*.zarr", "*/*.nc", "*/*.zarr")
        for path in folder.glob(pattern)
        if path.is_file() or is_zarr_store(path)
    ]
    shown = [path for path in found if not path.name.startswith(".")]
    return tuple(sorted(shown, key=lambda path: path.stat().st_mtime, reverse=True))


def _open(path: Path) -> xr.Dataset:
    try:
        return xr.open_dataset(
            path, engine="zarr" if path.is_dir() else "netcdf4", decode_timedelta=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise EvaluationError(f"Can't read the forecasts in {path}: {error}.") from error


def _variables(dataset: xr.Dataset) -> Mapping[Hashable, Variable]:
    found = {}
    for name, array in dataset.data_vars.items():
        if _SHORT_NAME in array.attrs and LEAD in array.dims:
            group = Group.ATMOSPHERIC if "level" in array.dims else Group.SURFACE
            found[name] = _told(describe(str(array.attrs[_SHORT_NAME]), group), array)
    return found


def _told(known: Variable, array: xr.DataArray) -> Variable:
    """The table's entry with what the file says of it."""
    unit, long_name = (array.attrs.get(name) for name in ("units", "long_name"))
    return replace(known, unit=unit or known.unit, long_name=long_name or known.long_name)
