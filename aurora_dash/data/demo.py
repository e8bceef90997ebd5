"""Synthetic weather for trying things out: made up here, labelled as such, and learnable.

Waves of whole zonal wavenumbers travel east at their own speeds, strongest in the middle
latitudes. The wind is in geostrophic balance with the geopotential, humidity follows temperature
at constant relative humidity, and land warms and cools with the sun. Magnitudes are those of the
real atmosphere; it forecasts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.demo_world import World
from aurora_dash.spec import DemoSpec
from aurora_dash.variables import Group, describe
from aurora_dash.variants import Variant

# Beside what the variant has, so that registering a new variable can be tried out.
EXTRA_SURFACE = ("tcwv",)
EXTRA_STATIC = ("sdor",)
EXTRA_ATMOSPHERIC = ("w",)

_LOADED_BYTES = 256 * 2**20
_BLOCK_BYTES = 8 * 2**20


def demo_dataset(demo: DemoSpec, variant: Variant) -> xr.Dataset:
    """A canonical dataset of synthetic weather with all variables of `variant` and a few more.

    Times are one time step of the variant apart. The same `demo` gives the same values, always;
    a large one stays lazy and is computed block by block. Variables that the project computes
    itself (insolation) are left out.
    """
    world = World.of(demo, variant.timestep_hours)
    arrays = {}
    for group, names in _names(variant):
        for name in names:
            variable = describe(name, group)
            array = _array(world, group, name)
            array.attrs = {"units": variable.unit, "long_name": variable.long_name}
            arrays[variable.key] = array
    dataset = xr.Dataset(
        arrays,
        coords={
            "time": world.times,
            "level": np.asarray(demo.levels, dtype=np.float64),
            "latitude": world.latitude,
            "longitude": world.longitude,
        },
        attrs={"synthetic": 1, "title": "Synthetic weather made by Aurora Dash; not real"},
    )
    small = dataset.nbytes <= _LOADED_BYTES
    return dataset.compute(scheduler="synchronous") if small else dataset


def _names(variant: Variant) -> Iterator[tuple[Group, tuple[str, ...]]]:
    surface = tuple(name for name in variant.surface if name not in variant.computed)
    yield Group.SURFACE, tuple(dict.fromkeys((*surface, *EXTRA_SURFACE)))
    yield Group.STATIC, tuple(dict.fromkeys((*variant.static, *EXTRA_STATIC)))
    yield Group.ATMOSPHERIC, tuple(dict.fromkeys((*variant.atmospheric, *EXTRA_ATMOSPHERIC)))


def _array(world: World, group: Group, name: str) -> xr.DataArray:
    if group is Group.STATIC:
        values = world.static(name).astype(np.float32)
        return xr.DataArray(values, dims=("latitude", "longitude"))
    grid = (world.latitude.size, world.longitude.size)
    shape = grid if group is Group.SURFACE else (len(world.levels), *grid)
    per_time = 4 * int(np.prod(shape))
    hours: Any = da.from_array(  # type: ignore[no-untyped-call]
        world.hours, chunks=max(1, _BLOCK_BYTES // per_time)
    )
    fields = hours.map_blocks(
        partial(_block, world, group, name),
        new_axis=list(range(1, 1 + len(shape))),
        chunks=(hours.chunks[0], *((size,) for size in shape)),
        dtype=np.float32,
    )
    level = () if group is Group.SURFACE else ("level",)
    return xr.DataArray(fields, dims=("time", *level, "latitude", "longitude"))


def _block(
    world: World, group: Group, name: str, hours: NDArray[np.float64]
) -> NDArray[np.float32]:
    if group is Group.SURFACE:
        return world.surface(name, hours).astype(np.float32)
    layers = [world.atmospheric(name, level, hours) for level in world.levels]
    return np.stack(layers, axis=1).astype(np.float32)
