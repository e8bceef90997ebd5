"""The fair CRPS of an ensemble, as a loss.

For m members X and the observation Y it is

    1/m sum_i |X_i - Y|  -  1/(2 m (m - 1)) sum_{i,j} |X_i - X_j|,

the estimate of E|X - Y| - 1/2 E|X - X'| that is unbiased for any m: C. A. T. Ferro, Fair scores for
ensemble forecasts, Q. J. R. Meteorol. Soc. 140, 1917-1923 (2014), doi:10.1002/qj.2270. With 1/m^2
in the second term a finite ensemble would be rewarded for too little spread.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.training.loss import LossTerms

Comparison = Callable[[Batch, Batch], LossTerms]


def fair_crps(loss: Comparison, members: Sequence[Batch], target: Batch) -> LossTerms:
    """The fair CRPS of normalised predictions, at least two, with the weights of `loss`.

    `loss` must be a weighted mean of absolute differences: then it gives both terms, of members and
    target and of pairs of members. What is missing in the target is left out of both.
    """
    errors = [loss(member, target) for member in members]
    pairs = [loss(a, _masked(b, target)) for a, b in combinations(members, 2)]
    # Each pair stands for two terms of the double sum, and those of i = j are zero.
    weights = [1 / len(errors)] * len(errors) + [-1 / (2 * len(pairs))] * len(pairs)
    every = [*errors, *pairs]
    return dataclasses.replace(
        errors[0],
        total=_weighted([terms.total for terms in every], weights),
        by_variable={
            name: _weighted([terms.by_variable[name] for terms in every], weights)
            for name in errors[0].by_variable
        },
    )


def _weighted(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    stacked = torch.stack(list(values))
    return (stacked * stacked.new_tensor(weights)).sum()


def _masked(member: Batch, target: Batch) -> Batch:
    """A member as a target: missing where the target is."""

    def of(values: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: torch.where(torch.isnan(wanted[name]), torch.nan, value)
            for name, value in values.items()
            if name in wanted
        }

    return dataclasses.replace(
        member,
        surf_vars=of(member.surf_vars, target.surf_vars),
        atmos_vars=of(member.atmos_vars, target.atmos_vars),
    )
