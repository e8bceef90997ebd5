"""What is minimised. A loss compares two normalised batches and says what each variable adds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.errors import TrainingError
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, describe

# Standard deviation, in degrees, of a direction that is equally likely all around: what makes
# differences of directions comparable with those of normalised variables.
_DIRECTION_SCALE = 360 / 12**0.5


@dataclass(frozen=True)
class LossTerms:
    """A loss and its parts; tensors of no dimension on the model's device."""

    total: Tensor
    by_variable: dict[str, Tensor]
    """Mean absolute normalised error, detached, by ``2t`` or ``z/850``; NaN where all is masked."""
    num_compared: Tensor
    """Number of values that were compared: missing target values are left out."""
    num_values: int
    """Number of values that there would be without gaps."""
    by_lead: Mapping[float, Tensor] = field(default_factory=dict)
    """The loss by lead time in hours, detached, where a forecast has several steps."""


class Loss(Protocol):
    """A loss: built from a run's spec, called with normalised batches."""

    def __init__(self, spec: RunSpec, *, may_be_absent: Collection[str] = ()) -> None: ...

    def __call__(self, prediction: Batch, target: Batch) -> LossTerms:
        """Compare a prediction with its target, both normalised, shapes (b, 1[, c], h, w)."""


class WeightedMAE:
    """The paper's weighted mean absolute error (supplement D).

        gamma / (V_S + V_A) * [ s * sum_k w_k mean|dS_k| + a * sum_k mean w_k |dA_k| ]

    with the V_S surface and V_A atmospheric target variables, surface weight s (1/4 in the
    paper), atmospheric weight a (1), per-variable weights w and the data set's factor gamma.
    There is no latitude weight. Missing (NaN) target values are masked: a mean is over what is
    there. A missing value in a prediction makes the loss NaN, except for the variables named in
    `may_be_absent`, which the model itself marks as absent (waves over land).
    """

    def __init__(self, spec: RunSpec, *, may_be_absent: Collection[str] = ()) -> None:
        self._spec = spec.loss
        self._may_be_absent = frozenset(may_be_absent)
        computed = spec.model.catalogue_entry.computed
        # What the project computes exactly, such as insolation, has no error to learn from.
        counting = [n for n in spec.targets if n in spec.loss.targets or n not in computed]
        self.surface = tuple(n for n in counting if n in spec.names(Group.SURFACE))
        self.atmospheric = tuple(n for n in counting if n in spec.names(Group.ATMOSPHERIC))

    def __call__(self, prediction: Batch, target: Batch) -> LossTerms:
        """Compare normalised batches of equal grid and levels; shapes (b, 1[, c], h, w)."""
        num_variables = len(self.surface) + len(self.atmospheric)
        spec, parts, num_compared, num_values = self._spec, [], [], 0
        by_variable: dict[str, Tensor] = {}
        for name in (*self.surface, *self.atmospheric):
            is_surface = name in self.surface
            errors, valid = self._errors(name, prediction, target, is_surface)
            count = valid.sum()
            part = errors.sum() / count.clamp(min=1)
            weight = spec.surface_weight if is_surface else spec.atmospheric_weight
            parts.append(part * (spec.gamma / num_variables * weight * spec.weights.get(name, 1.0)))
            by_variable |= _named_parts(name, errors, valid, target, is_surface)
            num_compared.append(count)
            num_values += valid.numel()
        return LossTerms(
            torch.stack(parts).sum(), by_variable, torch.stack(num_compared).sum(), num_values
        )

    def _errors(
        self, name: str, prediction: Batch, target: Batch, is_surface: bool
    ) -> tuple[Tensor, Tensor]:
        """Absolute differences, 0 where masked, and where there is something to compare."""
        predicted = _find(name, prediction, "prediction", is_surface)
        wanted = _find(name, target, "target", is_surface)
        if predicted.shape != wanted.shape:
            raise TrainingError(
                f"Target {name!r} has shape {tuple(wanted.shape)}, its prediction "
                f"{tuple(predicted.shape)}.",
                remedy="The target must have the levels and the cropped grid of the input.",
            )
        valid = ~torch.isnan(wanted)
        if name in self._may_be_absent:
            valid &= ~torch.isnan(predicted)
        difference = torch.where(valid, predicted - wanted, 0.0).abs()
        if is_surface and describe(name, Group.SURFACE).circular:
            difference = torch.minimum(difference % 360, 360 - difference % 360) / _DIRECTION_SCALE
        return difference, valid


LOSSES: Mapping[str, type[WeightedMAE]] = MappingProxyType({"mae": WeightedMAE})
"""Losses by the name that `LossSpec.kind` gives them."""


def build_loss(spec: RunSpec, *, may_be_absent: Collection[str] = ()) -> Loss:
    """The loss that a spec asks for."""
    return LOSSES[spec.loss.kind](spec, may_be_absent=may_be_absent)


def _find(name: str, batch: Batch, role: str, is_surface: bool) -> Tensor:
    variables = batch.surf_vars if is_surface else batch.atmos_vars
    if name not in variables:
        group = "surface" if is_surface else "atmospheric"
        raise TrainingError(
            f"Target {name!r} matches nothing: the {role} has no such {group} variable; it has "
            f"{', '.join(variables) or 'none'}.",
            remedy="Take it out of loss.targets, or add data that has it.",
        )
    return variables[name]


def _named_parts(
    name: str, errors: Tensor, valid: Tensor, target: Batch, is_surface: bool
) -> dict[str, Tensor]:
    """Mean errors by ``2t`` or ``z/850``; 0 / 0 gives NaN where there was nothing to compare."""
    if is_surface:
        return {name: errors.detach().sum() / valid.sum()}
    means = errors.detach().sum(dim=(0, 1, 3, 4)) / valid.sum(dim=(0, 1, 3, 4))
    levels = target.metadata.atmos_levels
    return {f"{name}/{level:g}": mean for level, mean in zip(levels, means, strict=True)}
