"""Activations in the host's memory: what the backward pass needs leaves the GPU until then.

What autograd keeps of the backbone's forward pass is copied to page-locked memory beside the
GPU's work and comes back in the backward pass, each tensor while the one after it is used. What
activation checkpointing recomputes is not kept in the first place: with it, these are the inputs
of what is recomputed.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn

from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.model.transfers import Arrival, Lane, Return

_LEAST_BYTES = 2**20
"""Smaller tensors stay: moving them costs more time than they take memory."""


def offload_activations(module: OwnStatistics) -> None:
    """Keep the backbone's activations in the host's memory, from the next forward pass on.

    Comes after `checkpoint_activations`, whose recomputation it must not see. Values and gradients
    stay what they are, digit by digit. On a CPU tensors are copied to no use.
    """
    offload = _Offload()
    backbone = module.backbone
    backbone.register_forward_pre_hook(offload.enter)
    backbone.register_forward_hook(offload.leave, always_call=True)


class _Kept:
    """A tensor in the host's memory."""

    def __init__(self, values: Tensor, lane: Lane, before: weakref.ref[_Kept] | None) -> None:
        self._device = values.device
        self._lane = lane
        self._before = before
        lane.enter()
        self._arrival: Arrival = lane.to_host(values)
        self._return: Return | None = None

    def fetch(self) -> None:
        """Begin to bring it back."""
        if self._return is None:
            self._return = self._lane.back(self._arrival.under_way(), self._device)

    def take(self) -> Tensor:
        """It, on its device; the one that was kept before it is on its way then."""
        self.fetch()
        before = None if self._before is None else self._before()
        if before is not None:
            before.fetch()
        assert self._return is not None
        values = self._return.use()
        self._return = None
        return values


class _Offload:
    """The hooks of one backbone."""

    def __init__(self) -> None:
        self._hooks: list[torch.autograd.graph.saved_tensors_hooks] = []
        self._lanes: dict[torch.device, Lane] = {}
        self._newest: weakref.ref[_Kept] | None = None

    def enter(self, module: nn.Module, arguments: Any) -> None:
        """Keep what is saved from now on."""
        self._newest = None
        hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, _unpack)
        hooks.__enter__()
        self._hooks.append(hooks)

    def leave(self, module: nn.Module, arguments: Any, output: Any) -> None:
        """Leave to autograd what is saved from now on."""
        self._hooks.pop().__exit__()

    def _pack(self, values: Tensor) -> Tensor | _Kept:
        if values.nbytes < _LEAST_BYTES or _is_weight(values):
            return values
        lane = self._lanes.get(values.device)
        if lane is None:
            lane = self._lanes[values.device] = Lane(values.device)
        kept = _Kept(values, lane, self._newest)
        self._newest = weakref.ref(kept)
        return kept


def _unpack(kept: Tensor | _Kept) -> Tensor:
    return kept.take() if isinstance(kept, _Kept) else kept


def _is_weight(values: Tensor) -> bool:
    """Whether it is a parameter or a view of one, which is in memory anyway."""
    return isinstance(values, nn.Parameter) or isinstance(values._base, nn.Parameter)
