"""What is minimised. A loss compares two normalised batches and says what each variable adds.

A loss of one's own is one small class: a `WeightedLoss` with a `penalty`. ``docs/losses.md`` shows
how to bring one in a file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.errors import TrainingError
from aurora_dash.model.presence import SUFFIX
from aurora_dash.spec import RunSpec
from aurora_dash.training.cells import Cells
from aurora_dash.variables import Group, describe

# Standard deviation, in degrees, of a direction that is equally likely all around: what makes
# differences of directions comparable with those of normalised variables.
_DIRECTION_SCALE = 360 / 12**0.5


@dataclass(frozen=True)
class LossTerms:
    """A loss and its parts; tensors of no dimension on the model's device."""

    total: Tensor
    by_variable: dict[str, Tensor]
    """Mean absolute normalised error where it counts, detached, by ``2t`` or ``z/850``, whatever
    the loss; NaN where all is missing."""
    num_compared: Tensor
    """Number of values that were compared: missing target values are left out."""
    num_values: int
    """Number of values that there would be without gaps."""
    by_lead: Mapping[float, Tensor] = field(default_factory=dict)
    """The loss by lead time in hours, detached, where a forecast has several steps."""


class Loss(Protocol):
    """A loss: built from a run's spec, called with normalised batches."""

    def __init__(self, spec: RunSpec, *, may_be_absent: Collection[str] = ()) -> None: ...

    def __call__(self, prediction: Batch, target: Batch, cells: Cells | None = None) -> LossTerms:
        """Compare a prediction with its target, both normalised, shapes (b, 1[, c], h, w)."""


class WeightedLoss(ABC):
    """A weighted mean of what errors cost, as in the paper (supplement D).

        gamma / (V_S + V_A) * [ s * sum_k w_k mean c(dS_k) + a * sum_k mean w_k w_kc c(dA_k) ]

    with the V_S surface and V_A atmospheric target variables, surface weight s (1/4 in the
    paper), atmospheric weight a (1), weights w of variables and levels, the data set's factor
    gamma, and the cost c of an absolute normalised error, which subclasses give as `penalty`.
    Means are over the grid, as `cells` weigh it; the paper weighs all points alike. Missing (NaN)
    target values are masked: a mean is over what is there. A missing value in a prediction makes
    the loss NaN, except for the variables named in `may_be_absent`, which the model itself marks
    as absent (waves under ice). Of these the cost of a wrong presence, the probability of a value
    against 0 or 1, is added to that of wrong values where both are present.
    """

    def __init__(self, spec: RunSpec, *, may_be_absent: Collection[str] = ()) -> None:
        self.spec = spec.loss
        self._may_be_absent = frozenset(may_be_absent)
        computed = spec.model.catalogue_entry.computed
        # What the project computes exactly, such as insolation, has no error to learn from.
        counting = [n for n in spec.targets if n in spec.loss.targets or n not in computed]
        self.surface = tuple(n for n in counting if n in spec.names(Group.SURFACE))
        self.atmospheric = tuple(n for n in counting if n in spec.names(Group.ATMOSPHERIC))

    @abstractmethod
    def penalty(self, errors: Tensor) -> Tensor:
        """What absolute normalised errors cost, each by itself; the shape stays (b, 1[, c], h, w).

        `errors` are finite and at least 0; where the target is missing they are 0 and whatever
        is returned does not count.
        """

    def __call__(self, prediction: Batch, target: Batch, cells: Cells | None = None) -> LossTerms:
        """Compare normalised batches of equal grid and levels; shapes (b, 1[, c], h, w)."""
        num_variables = len(self.surface) + len(self.atmospheric)
        spec, parts, num_compared, num_values = self.spec, [], [], 0
        by_variable: dict[str, Tensor] = {}
        for name in (*self.surface, *self.atmospheric):
            is_surface = name in self.surface
            errors, valid = self._errors(name, prediction, target, is_surface)
            costs = self._costs(name, errors, valid, target, is_surface)
            mean, count = _mean(costs, valid, cells)
            mean = mean + self._wrong_presence(name, prediction, target, cells, by_variable)
            weight = spec.surface_weight if is_surface else spec.atmospheric_weight
            parts.append(mean * (spec.gamma / num_variables * weight * spec.weights.get(name, 1.0)))
            by_variable |= _named_parts(name, errors, valid, target, is_surface, cells)
            num_compared.append(count)
            num_values += _num_values(valid, cells)
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

    def _wrong_presence(
        self,
        name: str,
        prediction: Batch,
        target: Batch,
        cells: Cells | None,
        by_variable: dict[str, Tensor],
    ) -> Tensor | float:
        """Mean cost of a variable's presence; 0 where it is never absent. Named ``swh_density``."""
        head = name + SUFFIX
        if name not in self._may_be_absent or head not in prediction.surf_vars:
            return 0.0
        errors, valid = self._errors(head, prediction, target, is_surface=True)
        by_variable |= _named_parts(head, errors, valid, target, is_surface=True, cells=cells)
        costs = torch.where(valid, self.penalty(errors), 0.0)
        return _mean(costs, valid, cells)[0]

    def _costs(
        self, name: str, errors: Tensor, valid: Tensor, target: Batch, is_surface: bool
    ) -> Tensor:
        """Penalties, 0 where masked, times the weights of levels."""
        costs = self.penalty(errors)
        if costs is not errors:
            costs = torch.where(valid, costs, 0.0)
        if is_surface or not self.spec.level_weights:
            return costs
        levels = target.metadata.atmos_levels
        weights = [self.spec.level_weight(name, level) for level in levels]
        return costs * costs.new_tensor(weights)[:, None, None]


class WeightedMAE(WeightedLoss):
    """The paper's loss: an error costs its absolute value."""

    def penalty(self, errors: Tensor) -> Tensor:
        """The errors themselves."""
        return errors


class WeightedMSE(WeightedLoss):
    """An error costs its square: large errors count for more."""

    def penalty(self, errors: Tensor) -> Tensor:
        """Squared errors."""
        return errors.square()


class WeightedHuber(WeightedLoss):
    """Half the square of a small error, linear beyond `huber_delta` (Huber 1964)."""

    def penalty(self, errors: Tensor) -> Tensor:
        """e^2 / 2 up to delta, delta (e - delta / 2) beyond."""
        delta = self.spec.huber_delta
        return torch.where(errors <= delta, 0.5 * errors.square(), delta * (errors - 0.5 * delta))


class WeightedCombined(WeightedLoss):
    """Absolute value and square together, the square with the share `mse_share`."""

    def penalty(self, errors: Tensor) -> Tensor:
        """(1 - share) e + share e^2."""
        share = self.spec.mse_share
        return (1 - share) * errors + share * errors.square()


LOSSES: Mapping[str, type[WeightedLoss]] = MappingProxyType(
    {
        "mae": WeightedMAE,
        "mse": WeightedMSE,
        "huber": WeightedHuber,
        "combined": WeightedCombined,
    }
)
"""Losses by the name that `LossSpec.kind` gives them; ``custom`` is read from a file."""


def build_loss(spec: RunSpec, *, may_be_absent: Collection[str] = ()) -> Loss:
    """The loss that a spec asks for; `TrainingError` if it is a person's own and can't be run."""
    if spec.loss.code is None:
        return LOSSES[spec.loss.kind](spec, may_be_absent=may_be_absent)
    from aurora_dash.training.user_code import read_loss

    return read_loss(spec.loss.code)(spec, may_be_absent=may_be_absent)


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


def _mean(costs: Tensor, valid: Tensor, cells: Cells | None) -> tuple[Tensor, Tensor]:
    """Mean over what is there, weighted by `cells`; and how many values that are."""
    if cells is None:
        count = valid.sum()
        return costs.sum() / count.clamp(min=1), count
    weight = (valid * cells.weights).sum()
    mean = (costs * cells.weights).sum() / torch.where(weight > 0, weight, 1.0)
    return mean, (valid & (cells.weights > 0)).sum()


def _num_values(valid: Tensor, cells: Cells | None) -> int:
    if cells is None:
        return valid.numel()
    return valid[..., 0, 0].numel() * cells.num_counting


def _named_parts(
    name: str,
    errors: Tensor,
    valid: Tensor,
    target: Batch,
    is_surface: bool,
    cells: Cells | None,
) -> dict[str, Tensor]:
    """Mean errors by ``2t`` or ``z/850``; 0 / 0 gives NaN where there was nothing to compare."""
    errors, weights = errors.detach(), valid
    if cells is not None:
        errors, weights = errors * cells.weights, valid * cells.weights
    if is_surface:
        return {name: errors.sum() / weights.sum()}
    means = errors.sum(dim=(0, 1, 3, 4)) / weights.sum(dim=(0, 1, 3, 4))
    levels = target.metadata.atmos_levels
    return {f"{name}/{level:g}": mean for level, mean in zip(levels, means, strict=True)}
