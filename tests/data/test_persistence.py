"""The figures of the data's README, from our canonical dataset on the full grid.

They tie down units, order, time matching and windows at once: anything out of step changes them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.open import open_files
from aurora_dash.data.windows import Window, make_windows

UNWEIGHTED = {
    "surf_2t": 2.6686,
    "surf_10u": 2.9065,
    "surf_10v": 2.4611,
    "surf_msl": 240.68,
    "atmos_z": 170.47,
    "atmos_t": 1.5693,
    "atmos_u": 3.6693,
    "atmos_v": 4.2183,
    "atmos_q": 1.1768e-3,
}
WEIGHTED = {
    "surf_2t": 2.7055,
    "surf_10u": 2.8454,
    "surf_10v": 2.4752,
    "surf_msl": 236.65,
    "atmos_z": 167.71,
    "atmos_t": 1.5734,
    "atmos_u": 3.6002,
    "atmos_v": 4.2513,
    "atmos_q": 1.2111e-3,
}
WESTERN_USA = {"surf_2t": 4.04, "surf_10u": 1.55, "surf_10v": 1.46, "surf_msl": 272}


@pytest.fixture(scope="module")
def norway(norway_files: tuple[Path, Path]) -> xr.Dataset:
    return open_files(norway_files).dataset.sel(level=850).load()


def _windows(dataset: xr.Dataset) -> tuple[Window, ...]:
    return make_windows(dataset["time"].values, history_hours=6, lead_hours=6)


def _rmse(dataset: xr.Dataset, key: str, weights: xr.DataArray | float) -> float:
    windows = _windows(dataset)
    values = dataset[key].astype(np.float64)
    newest = values.isel(time=[window.inputs[-1] for window in windows]).values
    target = values.isel(time=[window.targets[-1] for window in windows])
    return float(np.sqrt((((target - newest) ** 2) * weights).mean()))


def test_there_are_eighteen_samples(norway: xr.Dataset) -> None:
    assert len(_windows(norway)) == 18


@pytest.mark.parametrize("key", list(UNWEIGHTED))
def test_unweighted_persistence_error_is_that_of_the_readme(norway: xr.Dataset, key: str) -> None:
    assert _rmse(norway, key, 1.0) == pytest.approx(UNWEIGHTED[key], rel=4e-5)


@pytest.mark.parametrize("key", list(WEIGHTED))
def test_weighted_persistence_error_is_that_of_the_readme(norway: xr.Dataset, key: str) -> None:
    weights = np.cos(np.deg2rad(norway["latitude"]))
    weights = weights / weights.mean()
    assert _rmse(norway, key, weights) == pytest.approx(WEIGHTED[key], rel=4e-5)


@pytest.mark.parametrize("key", list(WESTERN_USA))
def test_grib_gives_the_errors_of_the_readme_too(western_usa_file: Path, key: str) -> None:
    # Its figures for this file are over all 27 steps of 6 h, not only those that are targets.
    values = open_files([western_usa_file]).dataset[key].values.astype(np.float64)
    rmse = float(np.sqrt((np.diff(values, axis=0) ** 2).mean()))
    assert f"{rmse:.3g}" == f"{WESTERN_USA[key]:.3g}"
