"""Batches of noise in the shape of a variant's data, for measuring time and memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, describe
from aurora_dash.variants import Variant

TINY_PATCHES = 6


def grid_of(variant: Variant, rows: float, *, tiny: bool) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes: the globe at the variant's resolution without the south pole."""
    patch, resolution = variant.patch_size, variant.resolution_degrees
    if tiny:
        resolution = 1.0
        height = width = TINY_PATCHES * patch
    else:
        height, width = round(180 / resolution), round(360 / resolution)
    height = max(int(height * rows) // patch, 3) * patch
    width = width // patch * patch
    return grid_of_size(height, width, resolution)


def grid_of_size(height: int, width: int, resolution: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """So many latitudes from the north pole and longitudes, `resolution` degrees apart."""
    latitudes = 90 - resolution * np.arange(height)
    return latitudes.astype(np.float32), (resolution * np.arange(width)).astype(np.float32)


def batches(
    spec: RunSpec,
    grid: tuple[np.ndarray, np.ndarray],
    levels: tuple[float, ...] | None = None,
) -> tuple[Any, Any]:
    """Input and target: noise around each variable's mean, half a standard deviation wide.

    On `levels`, by default all that the variant has.
    """
    import torch
    from aurora import Batch, Metadata

    from aurora_dash.data.batches import VariableNames
    from aurora_dash.model.statistics import ModelStatistics

    statistics, names = ModelStatistics.for_spec(spec), VariableNames.of(spec)
    latitudes, longitudes = grid
    levels = levels or spec.model.catalogue_entry.levels
    generator = torch.Generator().manual_seed(0)
    noise = 0.5 * torch.randn((latitudes.size, longitudes.size), generator=generator)

    def field(pair: tuple[float, float], name: str, group: Group) -> torch.Tensor:
        values = pair[0] + pair[1] * noise
        low = describe(name, group).bounds[0]
        return values if low is None else values.clamp(min=low + 0.01 * pair[1])

    def batch(num_times: int, surface: tuple[str, ...], hours: int) -> Batch:
        def surf(name: str) -> torch.Tensor:
            one = field(statistics.of_surface(name), name, Group.SURFACE)
            # V1.5 takes the logarithm of these: typical values are near 0.
            one = one.abs() * 1e-3 if name.startswith("scaled_") else one
            return one.expand(1, num_times, -1, -1)

        def atmos(name: str) -> torch.Tensor:
            pairs = zip(*statistics.of_atmospheric(name, levels), strict=True)
            layers = [field(pair, name, Group.ATMOSPHERIC) for pair in pairs]
            return torch.stack(layers).expand(1, num_times, -1, -1, -1)

        return Batch(
            surf_vars={name: surf(name) for name in surface},
            static_vars={
                name: field(statistics.of_surface(name), name, Group.STATIC)
                for name in names.static
            },
            atmos_vars={name: atmos(name) for name in names.atmospheric},
            metadata=Metadata(
                lat=torch.from_numpy(latitudes),
                lon=torch.from_numpy(longitudes),
                time=(datetime(2020, 6, 1, tzinfo=UTC) + timedelta(hours=hours),),
                atmos_levels=levels,
            ),
        )

    target = batch(1, (*names.surface, *names.output_only), spec.lead_hours)
    return batch(2, names.surface, 0), target
