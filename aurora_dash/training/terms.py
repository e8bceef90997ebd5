"""Loss terms of several batches, as the numbers of one record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from aurora_dash.training.loss import LossTerms

Record = dict[str, float]


def named(terms: LossTerms) -> dict[str, Tensor]:
    """The terms under their names in a record."""
    parts = {f"loss/{name}": part for name, part in terms.by_variable.items()}
    parts |= {f"lead_loss/{hours:g}": part for hours, part in terms.by_lead.items()}
    return {"loss": terms.total.detach(), **parts}


def to_floats(values: Mapping[str, Tensor]) -> Record:
    """Tensors of no dimension as Python numbers, with one transfer from the device."""
    numbers = torch.stack([value.double() for value in values.values()]).tolist()
    return dict(zip(values, numbers, strict=True))


class TermsMean:
    """Means of loss terms over samples, in double precision."""

    def __init__(self) -> None:
        self._sums: Record = {}
        self._sizes: dict[str, float] = {}

    @classmethod
    def of(cls, means: Iterable[TermsMean]) -> TermsMean:
        """The mean over the samples of all of them."""
        whole = cls()
        for mean in means:
            for name, total in mean._sums.items():
                whole._sums[name] = whole._sums.get(name, 0.0) + total
                whole._sizes[name] = whole._sizes.get(name, 0) + mean._sizes[name]
        return whole

    def add(self, terms: LossTerms, size: float) -> None:
        """Take the terms of a batch of `size` samples in."""
        self.add_numbers(to_floats(named(terms)), size)

    def add_numbers(self, values: Mapping[str, float], size: float) -> None:
        """Take numbers in, as `to_floats` gives them."""
        for name, value in values.items():
            # A part is NaN where the target has nothing to compare with; the total never is.
            if name == "loss" or not math.isnan(value):
                self._sums[name] = self._sums.get(name, 0.0) + size * value
                self._sizes[name] = self._sizes.get(name, 0) + size

    def result(self) -> Record:
        """Mean by name."""
        return {name: total / self._sizes[name] for name, total in self._sums.items()}
