"""What a training consists of that a resume must find as it was, besides the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch


class Stateful(Protocol):
    """A part of a training that a resume must find as it was, such as a replay buffer.

    Its state holds tensors and plain values alone: it is a file of a checkpoint, which is read
    with ``weights_only=True``.
    """

    def state_dict(self) -> Mapping[str, Any]:
        """What it is at present; tensors may be shared."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` said; `KeyError`, `ValueError` or `TypeError` if it can't."""


class Resumable(Protocol):
    """What takes the steps, as far as saving and resuming need it."""

    @property
    def optimiser(self) -> torch.optim.Optimizer:
        """Changes the weights."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """What a resume needs besides weights and optimiser, by the name of its file."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the optimiser's state."""
