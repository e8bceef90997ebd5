"""How much each grid point counts in a loss: its area on the sphere, and a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import xarray as xr
from aurora import Batch
from torch import Tensor

from aurora_dash.data.area import area_weights
from aurora_dash.data.mask import mask_on_grid, read_mask
from aurora_dash.errors import TrainingError
from aurora_dash.spec import LossSpec

_LAND = 0.5
"""As forecasters have it: a point is land if more than half of it is."""


@dataclass(frozen=True)
class Cells:
    """Weights of grid points."""

    weights: Tensor
    """Shape (h, w), 0 where an error does not count."""
    num_counting: int
    """Points with a weight above 0."""


class CellWeights:
    """Weights of the grid points of batches; worked out once for each grid."""

    def __init__(
        self, spec: LossSpec, device: torch.device, *, roots: Sequence[Path] | None = None
    ) -> None:
        self._spec = spec
        self._device = device
        self._mask: xr.DataArray | None = None
        if spec.mask_file is not None:
            self._mask = read_mask(spec.mask_file, roots=roots)
        self._known: tuple[Tensor, Tensor, Cells] | None = None

    def of(self, batch: Batch) -> Cells | None:
        """The weights on the grid of a batch in physical units; None: all points count alike."""
        if not self._spec.area_weighted and self._spec.mask == "none":
            return None
        latitude, longitude = batch.metadata.lat, batch.metadata.lon
        # Samples of one data set share their axes, so that identity tells.
        if self._known is None or (
            self._known[0] is not latitude or self._known[1] is not longitude
        ):
            self._known = (latitude, longitude, self._work_out(batch))
        return self._known[2]

    def _work_out(self, batch: Batch) -> Cells:
        latitude, longitude = batch.metadata.lat.cpu(), batch.metadata.lon.cpu()
        weights = torch.ones(len(latitude), len(longitude), dtype=torch.float64)
        if self._spec.area_weighted:
            weights *= torch.from_numpy(area_weights(latitude.double().numpy()))[:, None]
        if self._spec.mask in ("land", "sea"):
            land = _land(batch).cpu() > _LAND
            weights *= land if self._spec.mask == "land" else ~land
        elif self._mask is not None:
            weights *= torch.from_numpy(mask_on_grid(self._mask, latitude, longitude))
        counting = int((weights > 0).sum())
        return Cells(weights.float().to(self._device), counting)


def _land(batch: Batch) -> Tensor:
    if "lsm" not in batch.static_vars:
        raise TrainingError(
            "The loss counts land or sea alone, but the data has no land-sea mask (lsm).",
            remedy="Add it to the data (data.static_file), or set loss.mask to 'none' or 'file'.",
        )
    return batch.static_vars["lsm"]
