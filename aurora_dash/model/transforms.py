"""The transforms of skewed variables (`aurora_dash.data.transforms`), on tensors and batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.data.transforms import LARGEST_LOGARITHM
from aurora_dash.errors import ModelError
from aurora_dash.spec import VariableSpec
from aurora_dash.variables import Group

Change = Callable[[Tensor, VariableSpec], Tensor]


def transformed(values: Tensor, variable: VariableSpec) -> Tensor:
    """Values in physical units as the model normalises them; below zero counts as zero."""
    if variable.transform == "none":
        return values
    values = values.clamp(min=0.0)
    if variable.transform == "sqrt":
        # Its slope at zero is infinite, which would spoil the gradients of forecasts that go on.
        zero = values == 0
        return torch.sqrt(values.masked_fill(zero, 1.0)).masked_fill(zero, 0.0)
    assert variable.transform_offset is not None
    return torch.log1p(values / variable.transform_offset)


def restored(values: Tensor, variable: VariableSpec) -> Tensor:
    """Inverse of `transformed`; what no value is transformed to, below zero, gives zero."""
    if variable.transform == "none":
        return values
    if variable.transform == "sqrt":
        return torch.square(values.clamp(min=0.0))
    assert variable.transform_offset is not None
    return torch.expm1(values.clamp(0.0, LARGEST_LOGARITHM)) * variable.transform_offset


class NewVariables:
    """What the model does to batches because of its new variables: transforms and roles."""

    def __init__(self, variables: Iterable[VariableSpec] = ()) -> None:
        self._by_group: dict[Group, dict[str, VariableSpec]] = {group: {} for group in Group}
        for variable in variables:
            self._by_group[variable.group][variable.name] = variable

    def transform(self, batch: Batch) -> Batch:
        """Physical units to what is normalised, for all variables that are in the batch."""
        return self._changed(batch, transformed)

    def restore(self, batch: Batch) -> Batch:
        """Inverse of `transform`, statics included: a rollout gives them to the model again."""
        return self._changed(batch, restored)

    def padded(self, batch: Batch) -> Batch:
        """A normalised input with zeros for what is only predicted, whatever it was."""
        return dataclasses.replace(
            batch,
            surf_vars=self._with_zeros(batch.surf_vars, Group.SURFACE),
            atmos_vars=self._with_zeros(batch.atmos_vars, Group.ATMOSPHERIC),
        )

    def without_inputs(self, batch: Batch) -> Batch:
        """A forecast without what is only given: its head is not trained."""
        return dataclasses.replace(
            batch,
            surf_vars=self._predicted(batch.surf_vars, Group.SURFACE),
            atmos_vars=self._predicted(batch.atmos_vars, Group.ATMOSPHERIC),
        )

    def require_given(self, batch: Batch) -> None:
        """`ModelError` if an input lacks a variable that is only given.

        A forecast does not have it, so that Aurora's rollout would go on without it.
        """
        for group, fields in _fields(batch).items():
            for name, variable in self._by_group[group].items():
                if not variable.is_predicted and name not in fields:
                    raise ModelError(
                        f"The input has no {group} variable {name!r}, which the model is given "
                        "and does not forecast.",
                        remedy="Add it to the input; forecasts of several steps need it at each.",
                    )

    def _changed(self, batch: Batch, change: Change) -> Batch:
        def of(group: Group) -> dict[str, Tensor]:
            known, fields = self._by_group[group], _fields(batch)[group]
            return {k: change(v, known[k]) if k in known else v for k, v in fields.items()}

        return dataclasses.replace(
            batch,
            surf_vars=of(Group.SURFACE),
            static_vars=of(Group.STATIC),
            atmos_vars=of(Group.ATMOSPHERIC),
        )

    def _with_zeros(self, fields: Mapping[str, Tensor], group: Group) -> dict[str, Tensor]:
        like = next(iter(fields.values()))
        names = [name for name, v in self._by_group[group].items() if not v.is_given]
        return {**fields, **{name: torch.zeros_like(like) for name in names}}

    def _predicted(self, fields: Mapping[str, Tensor], group: Group) -> dict[str, Tensor]:
        known = self._by_group[group]
        return {k: v for k, v in fields.items() if k not in known or known[k].is_predicted}


def _fields(batch: Batch) -> dict[Group, dict[str, Tensor]]:
    return {
        Group.SURFACE: batch.surf_vars,
        Group.STATIC: batch.static_vars,
        Group.ATMOSPHERIC: batch.atmos_vars,
    }
