"""What is minimised. A loss compares two normalised batches and says what each variable adds.

A loss of one's own is one small class: a `WeightedLoss` with a `penalty`. ``docs/losses.md`` shows
how to bring one in a file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
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
from aurora_dash.training.compared import Compared, Pool, pool_weights
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

    def __call__(
        self,
        prediction: Batch,
        target: Batch,
        cells: Cells | None = None,
        *,
        pool: Pool | None = None,
    ) -> LossTerms:
        """Compare normalised batches of equal grid and levels; shapes (b, 1[, c], h, w).

        With `pool` the batch is one process's part of a whole: the mean over the processes of
        what each gives is that of the whole, wherever its missing values are.
        """
        compared = self._compared(prediction, target, cells)
        if pool is not None:
            pool_weights(compared, pool)
        levels = target.metadata.atmos_levels
        own = [
            self._weighted(name, compared, levels) for name in (*self.surface, *self.atmospheric)
        ]
        by_variable: dict[str, Tensor] = {}
        for name, one in compared.items():
            by_variable |= one.named(name, levels)
        counted = [compared[name] for name in (*self.surface, *self.atmospheric)]
        return LossTerms(
            torch.stack(own).sum(),
            by_variable,
            torch.stack([one.num_compared for one in counted]).sum(),
            sum(one.num_values for one in counted),
        )

    def _compared(
        self, prediction: Batch, target: Batch, cells: Cells | None
    ) -> dict[str, Compared]:
        """What counts, by name; the presence of a variable that may be absent right before it."""
        found: dict[str, Compared] = {}
        for name in (*self.surface, *self.atmospheric):
            is_surface = name in self.surface
            head = name + SUFFIX
            if name in self._may_be_absent and head in prediction.surf_vars:
                found[head] = Compared.of(
                    *self._errors(head, prediction, target, is_surface=True), True, cells
                )
            found[name] = Compared.of(
                *self._errors(name, prediction, target, is_surface), is_surface, cells
            )
        return found

    def _weighted(
        self, name: str, compared: Mapping[str, Compared], levels: Sequence[float]
    ) -> Tensor:
        """What a variable adds to the loss, the cost of its wrong presence included."""
        one, presence = compared[name], compared.get(name + SUFFIX)
        mean = one.mean(self._costs(name, one, levels))
        if presence is not None:
            costs = torch.where(presence.valid, self.penalty(presence.errors), 0.0)
            mean = mean + presence.mean(costs)
        spec, num_variables = self.spec, len(self.surface) + len(self.atmospheric)
        weight = spec.surface_weight if one.is_surface else spec.atmospheric_weight
        return mean * (spec.gamma / num_variables * weight * spec.weights.get(name, 1.0))

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

    def _costs(self, name: str, one: Compared, levels: Sequence[float]) -> Tensor:
        """Penalties, 0 where masked, times the weights of levels."""
        costs = self.penalty(one.errors)
        if costs is not one.errors:
            costs = torch.where(one.valid, costs, 0.0)
        if one.is_surface or not self.spec.level_weights:
            return costs
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


def require_poolable(loss: Loss, spec: RunSpec) -> None:
    """`TrainingError` unless a loss of a batch can be told from those of its parts."""
    if not isinstance(loss, WeightedLoss) or type(loss).__call__ is not WeightedLoss.__call__:
        raise TrainingError(
            f"The loss {type(loss).__name__} computes more than a penalty, and "
            f"{spec.distributed.world_size} processes would each see a part of a batch alone.",
            remedy="Set training.accumulate to a multiple of the number of processes: then each "
            "takes whole batches.",
        )
