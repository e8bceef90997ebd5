"""From gradients to new weights: all at once, or each weight as soon as its gradient is there."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from aurora_dash.spec import OptimiserSpec
from aurora_dash.training.gradients import (
    GradientNorms,
    clip,
    combined_norms,
    forget_gradients,
    gradient_norms,
)
from aurora_dash.training.masters import Masters
from aurora_dash.training.optimiser import Groups


class Update(Protocol):
    """Changes the weights once a training step."""

    def begin(self) -> None:
        """Say that a training step begins."""

    def norms(self, groups: Groups) -> GradientNorms:
        """Norms of the gradients of this step, before clipping."""

    def finish(self, norms: GradientNorms, parts: Groups) -> GradientNorms | None:
        """See to it that the weights are changed; norms of the gradients after clipping, if they
        are clipped, of all groups and of `parts` of them."""


class _Changes:
    """What weights are changed with."""

    def __init__(
        self,
        groups: Groups,
        masters: Masters,
        optimiser: torch.optim.Optimizer,
        spec: OptimiserSpec,
    ) -> None:
        self._groups = groups
        self._masters = masters
        self._optimiser = optimiser
        self._spec = spec


class AtOnce(_Changes):
    """Waits for all gradients, and so can leave all weights as they were."""

    def begin(self) -> None:
        """Let the gradients of the step before go."""
        forget_gradients(self._groups)

    def norms(self, groups: Groups) -> GradientNorms:
        """Norms of the gradients that are there."""
        return gradient_norms(groups)

    def finish(self, norms: GradientNorms, parts: Groups) -> GradientNorms | None:
        """Clip and step."""
        clipped = clip(self._groups, norms, self._spec, parts)
        self._masters.step(self._optimiser)
        return clipped


class InBackward(_Changes):
    """Uses each gradient within the backward pass and lets it go: they are never there together.

    A gradient that is not finite counts as zero, so that the weights stay finite; its norm tells.
    """

    def __init__(
        self,
        groups: Groups,
        masters: Masters,
        optimiser: torch.optim.Optimizer,
        spec: OptimiserSpec,
    ) -> None:
        super().__init__(groups, masters, optimiser, spec)
        self._norms: dict[int, Tensor] = {}
        self._clipped: dict[int, Tensor] = {}
        for parameters in groups.values():
            for parameter in parameters.values():
                if parameter.requires_grad:
                    parameter.register_post_accumulate_grad_hook(self._take)  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Forget the norms of the step before."""
        self._norms, self._clipped = {}, {}

    def norms(self, groups: Groups) -> GradientNorms:
        """Norms of the gradients that were there."""
        return _of(groups, self._norms)

    def finish(self, norms: GradientNorms, parts: Groups) -> GradientNorms | None:
        """Take the steps for which gradients went to the host's memory."""
        self._masters.step(self._optimiser)
        if not self._clipped:
            return None
        return _of(self._groups, self._clipped).with_parts(_of(parts, self._clipped))

    def _take(self, parameter: nn.Parameter) -> None:
        assert parameter.grad is not None
        norm = torch.linalg.vector_norm(parameter.grad, dtype=torch.float32)
        self._norms[id(parameter)] = norm
        parameter.grad.masked_fill_(~torch.isfinite(norm), 0.0)
        clipped = clip({"": {"": parameter}}, GradientNorms(norm, {}), self._spec)
        if clipped is not None:
            self._clipped[id(parameter)] = clipped.total
        self._masters.take(self._optimiser, parameter)


def _of(groups: Groups, norms: dict[int, Tensor]) -> GradientNorms:
    return combined_norms(
        {
            name: [norms[id(p)] for p in parameters.values() if id(p) in norms]
            for name, parameters in groups.items()
        }
    )
