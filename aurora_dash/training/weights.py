"""How large weights are and how much a step changes them, by group and by new variable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from aurora_dash.training.distributed.shards import every, local, whole_norms
from aurora_dash.training.optimiser import Groups

_TINY = 1e-12
_SAMPLED = 4096
"""Values of a tensor that are looked at to tell the size of an update."""


class WeightStatistics:
    """Numbers for the record, at every `every`-th step and the first.

    ``weight_norm/<group>`` is the L2 norm of the trained weights before the step.
    ``update_ratio/<group>`` is the norm of the step's change over that of the weights; it comes
    from at most 4096 evenly spaced values of each tensor, each standing for its neighbours, since
    a copy of all weights would take their memory once more.
    """

    def __init__(
        self,
        groups: Groups,
        new_variables: Groups,
        every: int | None,
        master_of: Callable[[nn.Parameter], nn.Parameter] = lambda parameter: parameter,
    ) -> None:
        self._every = every
        self._master_of = master_of
        self._new = new_variables
        self._parts: dict[str, list[nn.Parameter]] = {}
        for name, parameters in {**groups, **new_variables}.items():
            trainable = [p for p in parameters.values() if p.requires_grad]
            if trainable:
                self._parts[name] = trainable
        self._before: dict[str, Tensor] = {}

    def before(self, step: int) -> dict[str, Tensor]:
        """Look before the weights change in 0-based step `step`; nothing if it is not its turn."""
        self._before = {}
        if self._every is None or (step % self._every and step > 0):
            return {}
        self._before = {name: self._sample(parameters) for name, parameters in self._parts.items()}
        return {
            f"weight_norm/{name}": torch.linalg.vector_norm(_norms_of_whole(parameters))
            for name, parameters in self._parts.items()
        }

    @property
    def new_variables(self) -> Groups:
        """The parameters of new variables, whose gradients are looked at too; none if `before` had
        nothing."""
        return self._new if self._before else {}

    def after(self) -> dict[str, Tensor]:
        """Look after the weights changed; nothing if `before` had nothing."""
        found = {}
        for name, before in self._before.items():
            parameters = self._parts[name]
            changed = self._sample(parameters) - before
            norms = [torch.linalg.vector_norm(values) for values in (changed, before)]
            change, size = whole_norms(torch.stack(norms), like=parameters[0])
            found[f"update_ratio/{name}"] = change / size.clamp(min=_TINY)
        self._before = {}
        return found

    def _sample(self, parameters: list[nn.Parameter]) -> Tensor:
        """Values of the tensors, scaled so that their norm estimates that of all values; of those
        that are split, values of the part of this process."""
        parts = []
        for parameter in parameters:
            count = parameter.numel()
            stride = -(-count // _SAMPLED)
            chosen = every(self._master_of(parameter).detach(), stride)
            scale = (count / -(-count // stride)) ** 0.5
            parts.append(chosen.to(parameter.device, torch.float32) * scale)
        return torch.cat(parts)


def _norms_of_whole(parameters: list[nn.Parameter]) -> Tensor:
    here = torch._foreach_norm([local(p.detach()) for p in parameters], 2, torch.float32)
    return whole_norms(torch.stack(here), like=parameters[0])
