"""Errors of one variable, and what they are divided by: values may be missing anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aurora_dash.training.cells import Cells

Pool = Callable[[Tensor], Tensor]
"""Numbers of values in the part of a batch that a process has, shape (n,), averaged over the
processes that share the batch."""


@dataclass
class Compared:
    """A variable of a normalised prediction against its target, shapes (b, 1[, c], h, w)."""

    errors: Tensor
    """Absolute differences, 0 where masked."""
    valid: Tensor
    """Where there is something to compare."""
    is_surface: bool
    cells: Cells | None
    weights: Tensor
    """How many values there are, weighted by `cells`; shape (levels,), (1,) at the surface."""

    @classmethod
    def of(cls, errors: Tensor, valid: Tensor, is_surface: bool, cells: Cells | None) -> Compared:
        """Those of a batch by itself."""
        counting = valid if cells is None else valid * cells.weights
        return cls(errors, valid, is_surface, cells, _by_level(counting, is_surface))

    def mean(self, costs: Tensor) -> Tensor:
        """Mean of costs over what is there; 0 where nothing is."""
        total = self.weights.sum().to(costs.dtype)
        return self._weighted(costs).sum() / torch.where(total > 0, total, 1.0)

    def named(self, name: str, levels: Sequence[float]) -> dict[str, Tensor]:
        """Mean errors, detached, by ``2t`` or ``z/850``; NaN where there was nothing to compare."""
        sums = _by_level(self._weighted(self.errors.detach()), self.is_surface)
        means = sums / self.weights.to(sums.dtype)
        if self.is_surface:
            return {name: means[0]}
        return {f"{name}/{level:g}": mean for level, mean in zip(levels, means, strict=True)}

    @property
    def num_compared(self) -> Tensor:
        """How many values there are."""
        if self.cells is None:
            return self.valid.sum()
        return (self.valid & (self.cells.weights > 0)).sum()

    @property
    def num_values(self) -> int:
        """How many there would be without gaps."""
        if self.cells is None:
            return self.valid.numel()
        return self.valid[..., 0, 0].numel() * self.cells.num_counting

    def _weighted(self, values: Tensor) -> Tensor:
        return values if self.cells is None else values * self.cells.weights


def pool_weights(compared: Mapping[str, Compared], pool: Pool) -> None:
    """Divide by what there is in all parts of the batch; one exchange for all variables."""
    own = [one.weights.double() for one in compared.values()]
    pooled = torch.split(pool(torch.cat(own)), [len(weights) for weights in own])
    for one, weights in zip(compared.values(), pooled, strict=True):
        one.weights = weights


def _by_level(values: Tensor, is_surface: bool) -> Tensor:
    return values.sum()[None] if is_surface else values.sum(dim=(0, 1, 3, 4))
