"""Scenes that the map tests draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.figures.scene import Scene
from aurora_dash.variables import Group, describe


@dataclass(frozen=True)
class Sample:
    """Fields (H, W) and what they are."""

    scene: Scene
    prediction: np.ndarray
    target: np.ndarray
    persistence: np.ndarray


@pytest.fixture(scope="session")
def norway(norway_files: tuple[Path, Path]) -> Sample:
    """2 m temperature of ERA5; the "prediction" is the mean of target and persistence."""
    with xr.open_dataset(norway_files[1], engine="h5netcdf") as data:
        times = data["t2m"].values
        scene = Scene(
            variable=describe("2t", Group.SURFACE),
            latitudes=data["latitude"].values,
            longitudes=data["longitude"].values,
            valid_time=data["valid_time"].values[5],
            lead_hours=6,
            attribution="Contains modified Copernicus Climate Change Service information [2025].",
        )
    return Sample(scene, (times[4] + times[5]) / 2, times[5], times[4])


@pytest.fixture
def globe() -> Sample:
    """A wave on a global grid in [0, 360), with a hole, labelled as what it is."""
    latitudes, longitudes = np.linspace(90, -90, 37), np.arange(72) * 5.0
    wave = np.cos(np.deg2rad(latitudes))[:, None] * np.sin(np.deg2rad(longitudes))
    target = (280 + 20 * wave).astype(np.float32)
    target[10:14, 20:25] = np.nan
    scene = Scene(
        variable=describe("2t", Group.SURFACE),
        latitudes=latitudes,
        longitudes=longitudes,
        valid_time=np.datetime64("2020-03-01T18:00"),
        lead_hours=6,
        labels=("synthetic data", "random weights"),
    )
    return Sample(scene, target + 1, target, target - 2)
