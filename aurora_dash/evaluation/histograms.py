"""``histograms.nc``: how targets and forecasts are distributed together. Free of torch.

Written from `aurora_dash.evaluation.joint`, beside ``scores.nc``, which is read whole: of these one
reads a field at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.results import replacing
from aurora_dash.evaluation.table import field_place

HISTOGRAMS_FILE = "histograms.nc"


@dataclass(frozen=True, kw_only=True)
class Joint:
    """The distributions of one field at one lead time."""

    edges: NDArray[np.float64]
    """Of the bins (N + 1,), the same for targets and forecasts, in the field's unit."""
    area: dict[str, NDArray[np.float64]]
    """By source: points by the bins of target and forecast (N, N), weighted by area."""


def write_histograms(folder: Path, dataset: xr.Dataset) -> None:
    """Write ``histograms.nc``, whole or not at all; `RunError` if the system refuses."""
    area = dataset["area"]
    # A histogram is mostly empty, and read alone.
    encoding = {"zlib": True, "complevel": 1, "chunksizes": (1, 1, 1, *area.shape[-2:])}
    with replacing(folder / HISTOGRAMS_FILE) as beside:
        try:
            dataset.to_netcdf(beside, engine="netcdf4", encoding={"area": encoding})
        except RuntimeError as error:
            # The library's word for a full disk, among others.
            raise EvaluationError(f"Can't write the histograms to {folder}: {error}.") from error


def has_histograms(folder: Path) -> bool:
    """Whether an evaluation kept any."""
    return (folder / HISTOGRAMS_FILE).is_file()


def read_joint(folder: Path, variable: str, level: float | None, lead_hours: int) -> Joint:
    """Of one field at one lead time; `EvaluationError` if it was not kept or can't be read."""
    path = folder / HISTOGRAMS_FILE
    try:
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            if lead_hours not in dataset["lead"].values:
                raise EvaluationError(f"There is no histogram {lead_hours} h ahead in {path}.")
            place = field_place(dataset, variable, level)
            field = dataset.isel(field=place).sel(lead=lead_hours).load()
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"Can't read the histograms in {path}: {error}.", remedy="Evaluate again."
        ) from error
    start, width = float(field["bin_start"]), float(field["bin_width"])
    places = np.arange(field.sizes["target_bin"] + 1)
    return Joint(
        edges=np.asarray(start + width * places, np.float64),
        area={
            str(source): field["area"].sel(source=source).values.astype(np.float64)
            for source in field["source"].values
        },
    )
