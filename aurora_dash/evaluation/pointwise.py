"""What is computed at each point of the grid before anything is averaged, on any device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_EARTH_RADIUS = 6_371_229.0
"""In m, as ECMWF's models have it."""
_POLAR_LATITUDE = 89.9


def error(forecast: Tensor, target: Tensor, circular: Tensor | None = None) -> Tensor:
    """Forecast minus target; of directions in degrees the shorter way round.

    Both are (F, H, W) in float64; `circular` (F,) says which are directions, None: none.
    """
    difference = forecast - target
    if circular is None:
        return difference
    wrapped = torch.remainder(difference + 180.0, 360.0) - 180.0
    return torch.where(circular[:, None, None], wrapped, difference)


class Gradient:
    """Squared horizontal gradients by central differences, one-sided at the edges of a region."""

    def __init__(
        self,
        latitudes: NDArray[np.float64],
        longitudes: NDArray[np.float64],
        *,
        periodic: bool,
        device: torch.device,
    ) -> None:
        self._periodic = periodic
        north = _EARTH_RADIUS * torch.from_numpy(np.deg2rad(latitudes))
        east = torch.from_numpy(np.deg2rad(longitudes))
        if periodic:
            turn = east.new_tensor([2 * np.pi])
            east = torch.cat([east[-1:] - turn, east, east[:1] + turn])
        # Meridians meet at a pole: there is no zonal difference to speak of.
        polar = torch.from_numpy(np.abs(latitudes) > _POLAR_LATITUDE)
        circle = _EARTH_RADIUS * torch.from_numpy(np.cos(np.deg2rad(latitudes)))
        self._north, self._east = north.to(device), east.to(device)
        self._circle = torch.where(polar, torch.nan, circle).to(device)[:, None]

    def square(self, fields: Tensor) -> Tensor:
        """|grad f|^2 (F, H, W), per m^2; NaN beside holes and within 0.1 degrees of a pole."""
        (northward,) = torch.gradient(fields, spacing=(self._north,), dim=1)
        if self._periodic:
            fields = torch.cat([fields[..., -1:], fields, fields[..., :1]], dim=-1)
        (eastward,) = torch.gradient(fields, spacing=(self._east,), dim=2)
        if self._periodic:
            eastward = eastward[..., 1:-1]
        return northward.square() + (eastward / self._circle).square()


def fractions(happens: Tensor, width: int, *, periodic: bool) -> Tensor:
    """Share of points in a square of `width` points (odd) round each where something happens.

    `happens` (F, H, W) is 1, 0, or NaN where it is not known, which does not count. Squares are cut
    at the edges of the grid, except across the seam of a grid that goes round the Earth.
    """
    known = torch.isfinite(happens)
    values = torch.stack([torch.nan_to_num(happens), known.to(happens.dtype)])
    half = width // 2
    if periodic:
        repeats = -(-half // values.shape[-1])
        size = values.shape[-1]
        values = torch.cat([values] * (2 * repeats + 1), dim=-1)
        values = values[..., repeats * size - half : (repeats + 1) * size + half]
    padding = (half, 0 if periodic else half)
    count, present = functional.avg_pool2d(values, width, stride=1, padding=padding)
    return torch.where(known, count / present, torch.nan)


def fair_crps(members: Tensor, target: Tensor) -> Tensor:
    """E|X - y| - E|X - X'| / 2 over members (M, ...), X' another member; |x - y| of a single one.

    Fair in the sense of Ferro (2014, doi:10.1002/qj.2270): M (M - 1) pairs, not M^2.
    """
    count = len(members)
    distance = (members - target).abs().mean(dim=0)
    if count == 1:
        return distance
    order = torch.arange(count, dtype=members.dtype, device=members.device)
    factors = (2 * order - count + 1).reshape(-1, *[1] * target.ndim)
    pairs = (members.sort(dim=0).values * factors).sum(dim=0) * 2
    return distance - pairs / (2 * count * (count - 1))


def ranks(members: Tensor, target: Tensor) -> Tensor:
    """How likely the target has each rank, 0 to M, among members (M, ...): (M + 1, ...).

    Where it equals members, the ranks that it could have among them are equally likely.
    """
    below = (members < target).sum(dim=0)
    equal = (members == target).sum(dim=0)
    rank = torch.arange(len(members) + 1, device=members.device).reshape(-1, *[1] * target.ndim)
    possible = (rank >= below) & (rank <= below + equal)
    return possible.to(members.dtype) / (equal + 1)
