"""Broken and odd variants of the real files, and small hand-made ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

Change = Callable[[xr.Dataset], xr.Dataset]


@pytest.fixture
def rewrite(tmp_path: Path) -> Callable[..., Path]:
    """Write a changed copy of a NetCDF file and give its path."""

    def write(source: Path, change: Change, name: str | None = None) -> Path:
        target = tmp_path / (name or source.name)
        with xr.open_dataset(source, engine="h5netcdf") as dataset:
            changed = change(dataset.load())
        for variable in changed.variables.values():
            variable.encoding = {}
        changed.to_netcdf(target, engine="netcdf4")
        return target

    return write


@pytest.fixture
def norway_changed(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> Callable[[Change], list[Path]]:
    """Both Norway files with the same change made to each."""

    def write(change: Change) -> list[Path]:
        return [rewrite(path, change) for path in norway_files]

    return write


def small_dataset(
    *,
    num_times: int = 4,
    latitude: Sequence[float] = (3.0, 2.0, 1.0, 0.0),
    longitude: Sequence[float] = (10.0, 11.0, 12.0, 13.0),
    levels: Sequence[float] = (1000.0, 850.0),
    hours: int = 6,
) -> xr.Dataset:
    """A tiny CDS-like dataset in which every value differs."""
    times = np.datetime64("2024-01-01T00", "ns") + np.arange(num_times) * np.timedelta64(hours, "h")
    plane = (len(latitude), len(longitude))
    surface = ("valid_time", "latitude", "longitude")
    upper = ("valid_time", "pressure_level", "latitude", "longitude")

    def values(*shape: int, start: float) -> np.ndarray:
        return (start + np.arange(np.prod(shape)).reshape(shape) / 100).astype(np.float32)

    return xr.Dataset(
        {
            "t2m": (surface, values(num_times, *plane, start=280), {"units": "K"}),
            "msl": (surface, values(num_times, *plane, start=100_000), {"units": "Pa"}),
            "t": (upper, values(num_times, len(levels), *plane, start=250), {"units": "K"}),
            "lsm": (surface[1:], values(*plane, start=0), {"units": "(0 - 1)"}),
        },
        coords={
            "valid_time": times,
            "pressure_level": ("pressure_level", list(levels), {"units": "hPa"}),
            "latitude": ("latitude", list(latitude)),
            "longitude": ("longitude", list(longitude)),
        },
    )


@pytest.fixture
def small() -> Callable[..., xr.Dataset]:
    """The function that makes `small_dataset`."""
    return small_dataset


@pytest.fixture
def small_file(tmp_path: Path) -> Callable[..., Path]:
    """Write `small_dataset` (after an optional change) and give its path."""

    def write(name: str = "small.nc", change: Change | None = None, **kwargs: object) -> Path:
        dataset = small_dataset(**kwargs)  # type: ignore[arg-type]
        path = tmp_path / name
        (change(dataset) if change else dataset).to_netcdf(path, engine="netcdf4")
        return path

    return write


@pytest.fixture
def codes() -> Callable[..., list[str]]:
    """The codes of findings, optionally of one severity."""

    def of(findings: Sequence[object], severity: str | None = None) -> list[str]:
        return [f.code for f in findings if severity in (None, f.severity)]  # type: ignore[attr-defined]

    return of
