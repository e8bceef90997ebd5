"""An exponential moving average of the weights, often better than the weights themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from aurora_dash.training.distributed.shards import exchange, is_split, local, split_like

# The average of n steps can't remember more than these: Tensorflow's ExponentialMovingAverage.
_FIRST, _DIVISOR = 1, 10


class WeightAverage:
    """average <- d average + (1 - d) weights after every step, d = min(decay, (1 + n) / (10 + n))
    at the n-th, so that the weights of the start are soon forgotten.

    Frozen weights have no average: they are what they are. Takes the memory of the trained
    weights once more, on their device; where they have masters, of those and beside them.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        decay: float,
        master_of: Callable[[nn.Parameter], nn.Parameter] = lambda parameter: parameter,
    ) -> None:
        self._parameters = {name: p for name, p in parameters.items() if p.requires_grad}
        self._masters = {name: master_of(p) for name, p in self._parameters.items()}
        self._averages = {name: p.detach().clone() for name, p in self._masters.items()}
        self._decay = decay
        self.num_updates = 0

    def update(self) -> None:
        """Take the present weights in."""
        self.num_updates += 1
        bound = (_FIRST + self.num_updates) / (_DIVISOR + self.num_updates)
        decay = min(self._decay, bound)
        with torch.no_grad():
            torch._foreach_lerp_(
                [local(average) for average in self._averages.values()],
                [local(master) for master in self._masters.values()],
                1 - decay,
            )

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the average as its weights; afterwards its own again, bit for bit."""
        self._swap()
        self._copy(self._averages)
        try:
            yield
        finally:
            self._swap()
            self._copy(self._masters)

    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            average = self._averages[name]
            if is_split(parameter):
                # FSDP gathers from the very memory that it knows.
                exchange(parameter, average)
            elif self._masters[name] is parameter:
                # Exchanges what the parameter points to: nothing is copied, gradients stay.
                parameter.data, self._averages[name] = average, parameter.data

    def _copy(self, weights: Mapping[str, Tensor]) -> None:
        """Into the weights of the model that have masters, which keep all digits meanwhile."""
        for name, parameter in self._parameters.items():
            if self._masters[name] is not parameter:
                parameter.detach().copy_(weights[name].detach())

    def state_dict(self) -> dict[str, Any]:
        """Averages by parameter name; tensors are shared."""
        return {"num_updates": self.num_updates, "weights": dict(self._averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` said; `ValueError` if it is of other weights."""
        weights: Mapping[str, Tensor] = state["weights"]
        odd = sorted(weights.keys() ^ self._averages.keys())
        if odd:
            raise ValueError(f"it averages other weights, such as {odd[0]}")
        for name, average in self._averages.items():
            average.copy_(split_like(weights[name], average))
        self.num_updates = int(state["num_updates"])
