"""Whether the grid, and what is cropped out of it, suit the model."""

from __future__ import annotations

from collections.abc import Iterator

import xarray as xr

from aurora_dash.data.findings import Finding, Fix
from aurora_dash.spec import RunSpec

# Patches along each side that the backbone's stages need (measured): two stages halve once.
_SMALLEST_PATCH_GRID = {"tiny": 2, "small": 3, "full": 3}

_WHOLE = Fix(label="Train on the whole grid", assignments=("data.crop=null",))


def grid_findings(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """A grid or crop with fewer patches than the model's stages need, a crop beyond the grid."""
    patch = spec.model.catalogue_entry.patch_size
    size = spec.model.size if spec.model.is_random else "full"
    needed = _SMALLEST_PATCH_GRID[size] * patch
    height, width = dataset.sizes["latitude"], dataset.sizes["longitude"]
    if spec.data.crop is not None:
        yield from _crop_that_does_not_fit(spec.data.crop, (height, width), needed)
    if min(height, width) < needed:
        yield Finding(
            severity="error",
            code="grid-too-small",
            message=f"The grid of {height} x {width} points is too small: this model needs at "
            f"least {needed} x {needed} ({needed // patch} patches of {patch} each way).",
            remedy="Give a larger area.",
        )


def _crop_that_does_not_fit(
    crop: tuple[int, int], grid: tuple[int, int], needed: int
) -> Iterator[Finding]:
    said = f"The crop of {crop[0]} x {crop[1]} points (data.crop)"
    if min(crop) < needed:
        yield Finding(
            severity="error",
            code="crop-too-small",
            message=f"{said} is too small: this model needs at least {needed} x {needed}.",
            remedy="Choose a larger data.crop.",
            fixes=(_smallest_crop(needed), _WHOLE) if min(grid) >= needed else (),
        )
    if crop[0] > grid[0] or crop[1] > grid[1]:
        yield Finding(
            severity="error",
            code="crop-too-large",
            message=f"{said} is larger than the grid of {grid[0]} x {grid[1]} points.",
            remedy="Choose a smaller data.crop, or leave it out to train on the whole grid.",
            fixes=(_WHOLE,),
        )


def _smallest_crop(side: int) -> Fix:
    return Fix(
        label=f"Crop to {side} x {side} points", assignments=(f"data.crop=[{side}, {side}]",)
    )
