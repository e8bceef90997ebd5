"""The scores against figures that were computed apart from this project, from the same files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.area import area_weights
from tests.evaluation.scoring import make_layout, score_fields

# From the data's README: 18 targets six hours ahead, full 61 x 61 grid; q in 1e-3 kg/kg.
README = {
    "uniform": {
        "t2m": 2.6686, "u10": 2.9065, "v10": 2.4611, "msl": 240.68,
        "z": 170.47, "t": 1.5693, "u": 3.6693, "v": 4.2183, "q": 1.1768e-3,
    },
    "cosine": {
        "t2m": 2.7055, "u10": 2.8454, "v10": 2.4752, "msl": 236.65,
        "z": 167.71, "t": 1.5734, "u": 3.6002, "v": 4.2513, "q": 1.2111e-3,
    },
}  # fmt: skip


def _weights(kind: str, latitudes: np.ndarray) -> np.ndarray:
    if kind == "uniform":
        return np.ones_like(latitudes, dtype=float)
    if kind == "area":
        return area_weights(latitudes)
    cosine = np.cos(np.deg2rad(latitudes))
    return np.asarray(cosine / cosine.mean())


@pytest.fixture(scope="module")
def fields(norway_files: tuple[Path, Path]) -> dict[str, xr.DataArray]:
    with (
        xr.open_dataset(norway_files[0], engine="h5netcdf") as levels,
        xr.open_dataset(norway_files[1]) as surface,
    ):
        at_850 = levels.sel(pressure_level=850)
        return {name: at_850[name].load() for name in "ztuvq"} | {
            name: surface[name].load() for name in ("t2m", "u10", "v10", "msl")
        }


@pytest.mark.parametrize("name", README["uniform"])
@pytest.mark.parametrize(
    ("kind", "expected"), [("uniform", "uniform"), ("cosine", "cosine"), ("area", "cosine")]
)
def test_persistence_rmse_of_the_full_grid(
    fields: dict[str, xr.DataArray], name: str, kind: str, expected: str
) -> None:
    # On an evenly spaced grid away from the poles, area weights are cosine weights.
    field = fields[name]
    latitudes, longitudes = field.latitude.values, field.longitude.values
    layout = make_layout(latitudes=latitudes, longitudes=longitudes)
    weights = np.broadcast_to(_weights(kind, latitudes)[:, None], field.shape[1:])
    layout = replace(layout, areas=replace(layout.areas, weights=weights[None].astype(float)))
    table, _ = score_fields(
        layout,
        ["rmse"],
        {"model": {"surf_2t": field.values[None, 1:19]}},
        {"surf_2t": field.values[2:20]},
    )
    assert f"{table['rmse'].item():.4e}" == f"{README[expected][name]:.4e}"


def test_persistence_rmse_of_a_cropped_grid(fields: dict[str, xr.DataArray]) -> None:
    """The last row and column dropped, as a model of patch 4 does: by xarray's own weighting."""
    for field in (f.isel(latitude=slice(60), longitude=slice(60)) for f in fields.values()):
        layout = make_layout(latitudes=field.latitude.values, longitudes=field.longitude.values)
        table, _ = score_fields(
            layout,
            ["rmse"],
            {"model": {"surf_2t": field.values[None, 1:19]}},
            {"surf_2t": field.values[2:20]},
        )
        bounds = np.deg2rad([field.latitude + 0.125, field.latitude - 0.125])
        weights = xr.DataArray(np.sin(bounds[0]) - np.sin(bounds[1]), dims="latitude")
        error = field[1:19].astype(float).values - field[2:20].astype(float)
        expected = float(np.sqrt((error**2).weighted(weights).mean()))
        assert f"{table['rmse'].item():.4e}" == f"{expected:.4e}"
