"""Fields of all sources side by side, in float64, a few at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.layout import Layout

Fields = Mapping[str, Tensor]
"""By canonical name: (H, W), or (L, H, W) with levels; of forecasts with members (M) before."""

# Fields are taken together up to this many points: few calls for small grids, and for large ones
# intermediate values of a few hundred MB at most.
_POINTS_TOGETHER = 2**22


@dataclass(frozen=True)
class Slab:
    """Neighbouring fields that are computed together, and which sources have them."""

    keys: tuple[str, ...]
    fields: slice
    """Which of `Layout.fields`."""
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SlabValues:
    """The values of a slab, float64 (F, H, W)."""

    target: Tensor
    means: Mapping[str, Tensor]
    """By source: the forecast, of an ensemble its mean."""
    members: Mapping[str, Tensor]
    """By source, (M, F, H, W)."""
    climatology: Tensor | None
    valid: Tensor
    """Where the target and every forecast are finite: all sources are judged on these points."""
    is_whole: bool
    """Whether that is everywhere."""

    def kept(self, of: Tensor) -> Tensor:
        """Values (..., F, H, W), zero where they don't count."""
        return of if self.is_whole else torch.where(self.valid, of, 0.0)

    def holed(self, of: Tensor) -> Tensor:
        """Values (..., F, H, W), NaN where they don't count."""
        return of if self.is_whole else torch.where(self.valid, of, torch.nan)

    @property
    def anomaly_valid(self) -> Tensor:
        """Where there is a climatology besides."""
        assert self.climatology is not None
        return self.valid & torch.isfinite(self.climatology)

    def anomaly(self, of: Tensor) -> Tensor:
        """Departure from the climatology, zero where it does not count."""
        assert self.climatology is not None
        return torch.where(self.anomaly_valid, of - self.climatology, 0.0)


def divide(layout: Layout, absent: Mapping[str, Collection[str]]) -> tuple[Slab, ...]:
    """Variables in order, joined while they are small and come from the same sources.

    `absent` names, by source, the canonical names that it does not forecast.
    """

    def sources_of(key: str) -> tuple[str, ...]:
        return tuple(s for s in layout.sources if key not in absent.get(s, ()))

    most = max(1, _POINTS_TOGETHER // (layout.latitudes.size * layout.longitudes.size))
    slabs: list[Slab] = []
    for target in layout.targets:
        place, sources = layout.slices[target.key], sources_of(target.key)
        last = slabs[-1] if slabs else None
        if last and last.sources == sources and place.stop - last.fields.start <= most:
            joined = slice(last.fields.start, place.stop)
            slabs[-1] = Slab((*last.keys, target.key), joined, sources)
        else:
            slabs.append(Slab((target.key,), place, sources))
    return tuple(slabs)


def slab_values(
    layout: Layout,
    slab: Slab,
    target: Fields,
    forecasts: Mapping[str, Fields],
    climatology: Fields | None,
    device: torch.device,
) -> SlabValues:
    """A slab's fields of one forecast and lead; `EvaluationError` where one is of another shape."""

    def joined(fields: Fields, source: str, members: int) -> Tensor:
        parts = [_field(layout, key, fields, source, members) for key in slab.keys]
        return torch.cat(parts, dim=members).to(device).double()

    observed = joined(target, "target", 0)
    members = {source: joined(forecasts[source], source, 1) for source in slab.sources}
    means = {s: m.mean(dim=0) if len(m) > 1 else m[0] for s, m in members.items()}
    is_whole = all(map(_is_finite, (observed, *means.values())))
    valid = torch.ones_like(observed, dtype=torch.bool)
    if not is_whole:
        for values in (observed, *means.values()):
            valid &= torch.isfinite(values)
    return SlabValues(
        target=observed,
        means=means,
        members=members,
        climatology=None if climatology is None else joined(climatology, "climatology", 0),
        valid=valid,
        is_whole=is_whole,
    )


def _is_finite(values: Tensor) -> bool:
    """Whether all of float64 values are, by their sum, which takes a tenth of asking each one:
    what came from float32 can't overflow it."""
    return bool(torch.isfinite(values.sum()))


def _field(layout: Layout, key: str, fields: Fields, source: str, members: int) -> Tensor:
    """One variable as ([M,] L, H, W), where a surface variable has one level."""
    if key not in fields:
        raise EvaluationError(
            f"The {source} has no {key}; it has {', '.join(fields)}.",
            remedy="Name the variables to score.",
        )
    values = fields[key]
    place = layout.slices[key]
    grid: Sequence[int] = (layout.latitudes.size, layout.longitudes.size)
    values = values.unsqueeze(-3) if values.ndim == 2 + members else values
    if tuple(values.shape[-3:]) != (place.stop - place.start, *grid):
        raise EvaluationError(
            f"The {source} of {key} is {tuple(fields[key].shape)} points, the grid is "
            f"{tuple(grid)} and the levels are {place.stop - place.start}."
        )
    return values
