"""Weather-like fields of any size, made when they are looked at: nothing has to lie on a disk.

Large waves that travel and small noise, rounded to a power of two as GRIB packs them (16 bits over
the range of a field), so that they compress about as well, and unpack as slowly, as reanalyses.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from aurora_dash.variables import Group, describe
from aurora_dash.variants import Variant, get_variant

LEVELS = (1000.0, 925.0, 850.0, 700.0, 600.0, 500.0, 400.0, 300.0, 250.0, 200.0, 150.0, 100.0, 50.0)
# Middle and size of the waves, roughly those of the atmosphere.
_RANGES = {
    "2t": (280.0, 20.0), "10u": (0.0, 6.0), "10v": (0.0, 5.0), "msl": (101_000.0, 1200.0),
    "z": (80_000.0, 3000.0), "u": (8.0, 12.0), "v": (0.0, 9.0), "t": (250.0, 15.0),
    "q": (3e-3, 1e-3), "slt": (3.0, 2.0), "lsm": (0.5, 0.4),
}  # fmt: skip
_NOISE = 1e-2
_BITS = 14


def generated(
    num_times: int, *, height: int = 721, width: int = 1440, levels: tuple[float, ...] = LEVELS
) -> xr.Dataset:
    """A canonical data set for the pretrained 0.25 degree model, 6-hourly from 2020 on."""
    variant: Variant = get_variant("0.25-pretrained")
    arrays: dict[str, Any] = {}
    groups = (
        (Group.SURFACE, variant.surface), (Group.ATMOSPHERIC, variant.atmospheric),
        (Group.STATIC, variant.static),
    )  # fmt: skip
    for group, names in groups:
        for name in names:
            variable = describe(name, group)
            attributes = {"units": variable.unit, "long_name": variable.long_name}
            step = (len(levels), height, width) if group is Group.ATMOSPHERIC else (height, width)
            if group is Group.STATIC:
                arrays[variable.key] = (
                    ("latitude", "longitude"), field(name, 0, step), attributes
                )  # fmt: skip
                continue
            dims = ("time", *(["level"] if len(step) == 3 else []), "latitude", "longitude")
            lazy = da.from_array(
                _Fields(name, (num_times, *step)), chunks=(1, *step), name=f"generated-{name}",
                fancy=False,
            )  # fmt: skip
            arrays[variable.key] = dims, lazy, attributes
    start = np.datetime64("2020-01-01T00", "ns")
    return xr.Dataset(
        arrays,
        {
            "time": start + np.arange(num_times) * np.timedelta64(6, "h"),
            "level": list(levels),
            "latitude": np.linspace(90, -90, height),
            "longitude": np.arange(width) * 360 / width,
        },
        {"synthetic": 1},
    )


def field(name: str, index: int, step: tuple[int, ...]) -> np.ndarray:
    """A variable at the `index`-th time."""
    middle, size = _RANGES[name]
    plane, noise = _patterns(step[-2:])
    turned = np.roll(plane, 7 * index, axis=-1) + np.roll(noise, 131 * index, axis=-1)
    values = np.empty(step, np.float32)
    for number, layer in enumerate(values if len(step) == 3 else [values]):
        wave = np.roll(turned, 11 * number, axis=0)
        quantum = np.float32(2.0 ** np.floor(np.log2(size / 2**_BITS)))
        np.multiply(wave, size * (1 + 0.05 * number) / quantum, out=layer)
        layer += middle * (1 + 0.1 * number) / quantum
        np.rint(layer, out=layer)
        layer *= quantum
    return values


@lru_cache(maxsize=2)
def _patterns(plane: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.meshgrid(*(np.linspace(0, 2 * np.pi, n, endpoint=False) for n in plane),
                       indexing="ij")  # fmt: skip
    waves = np.sin(3 * x + np.cos(2 * y)) * np.sin(y) + 0.4 * np.sin(9 * x) * np.cos(5 * y)
    noise = np.random.default_rng(0).standard_normal(plane) * _NOISE
    return waves.astype(np.float32), noise.astype(np.float32)


class _Fields:
    """A variable as dask wants to see it."""

    dtype = np.dtype(np.float32)

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self._name, self.shape, self.ndim = name, shape, len(shape)

    def __getitem__(self, wanted: tuple[slice, ...]) -> np.ndarray:
        indices = range(*wanted[0].indices(self.shape[0]))
        values = np.stack([field(self._name, index, self.shape[1:]) for index in indices])
        return values[(slice(None), *wanted[1:])]
