"""Power spectra of fields: how much there is of each scale, to see what a forecast has blurred."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aurora_dash.data.area import area_weights
from aurora_dash.evaluation.layout import Layout

Kind = Literal["zonal", "cosine"]


@dataclass(frozen=True)
class Scales:
    """The wavenumbers of a grid's spectra, from 1; the mean of a field is none of them."""

    kind: Kind
    """``zonal``: Fourier along each row, wavenumbers round the Earth, rows weighted by area.
    ``cosine``: of a region that does not go round, the two-dimensional cosine transform in bands of
    equal width, which needs neither windows nor detrending (Denis et al. 2002, doi:10.1175/
    1520-0493(2002)130<1812:SDOTDA>2.0.CO;2)."""
    wavelengths: NDArray[np.float64]
    """In degrees, the upper edge of each band, from the longest."""

    @property
    def is_short(self) -> NDArray[np.bool_]:
        """The shorter half: less than about four grid points a wave."""
        count = self.wavelengths.size
        return np.arange(1, count + 1) > count / 2


def scales_of(layout: Layout) -> Scales:
    """Scales of the layout's grid."""
    if layout.is_periodic:
        numbers = np.arange(1, layout.longitudes.size // 2 + 1)
        return Scales("zonal", 360.0 / numbers)
    shorter = min(layout.latitudes.size, layout.longitudes.size)
    spacing = abs(layout.latitudes[-1] - layout.latitudes[0]) / (layout.latitudes.size - 1)
    return Scales("cosine", 2 * spacing * shorter / np.arange(1, shorter))


class Spectrum:
    """Computes spectra of fields (F, H, W) on one device."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self.scales = scales_of(layout)
        self._count = self.scales.wavelengths.size
        height, width = layout.latitudes.size, layout.longitudes.size
        if self.scales.kind == "zonal":
            rows = area_weights(layout.latitudes) / height
            self._rows = torch.from_numpy(rows).to(device)
        else:
            self._along = [_cosines(size).to(device) for size in (height, width)]
            self._band = _bands(height, width).to(device)

    def power(self, fields: Tensor) -> Tensor:
        """Variance by wavenumber, (F, K), of fields (F, H, W); NaN where a field has holes.

        Summed over all wavenumbers it is the field's variance: along its rows for a zonal
        spectrum (without what is lost at the poles' rows), over the region for a cosine one.
        """
        values = fields.double()
        return self._zonal(values) if self.scales.kind == "zonal" else self._cosine(values)

    def _zonal(self, fields: Tensor) -> Tensor:
        width = fields.shape[-1]
        power = torch.fft.rfft(fields).abs().square() / width**2
        # Both signs of a wavenumber count, but there is only one of the shortest of an even width.
        power[..., 1 : (width + 1) // 2] *= 2
        return torch.einsum("fhk,h->fk", power, self._rows)[:, 1 : self._count + 1]

    def _cosine(self, fields: Tensor) -> Tensor:
        height, width = fields.shape[-2:]
        rows, columns = self._along
        power = (rows @ fields @ columns.T).square().flatten(1) / (height * width)
        bands = torch.zeros(len(power), self._count + 2, dtype=power.dtype, device=power.device)
        return bands.index_add_(1, self._band, power)[:, 1 : self._count + 1]


def _cosines(size: int) -> Tensor:
    """The orthonormal cosine transform (type II) as a matrix."""
    number = torch.arange(size, dtype=torch.float64)[:, None]
    place = torch.arange(size, dtype=torch.float64)[None]
    matrix = torch.cos(math.pi * number * (2 * place + 1) / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


def _bands(height: int, width: int) -> Tensor:
    """Band of each pair of wavenumbers, flat: 0 is the mean; beyond the square's side the last."""
    shorter = min(height, width)
    rows = (torch.arange(height, dtype=torch.float64) / height)[:, None]
    columns = (torch.arange(width, dtype=torch.float64) / width)[None]
    # Rounded, so that a wavenumber on an edge does not fall by chance on one side or the other.
    number = torch.floor(torch.round(shorter * torch.hypot(rows, columns), decimals=9)).long()
    number[0, 0] = 0
    number[(number == 0) & (torch.hypot(rows, columns) > 0)] = 1
    return number.clamp(max=shorter).flatten()
