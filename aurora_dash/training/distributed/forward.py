"""The forward pass as DDP and FSDP want it: the loss is computed inside the wrapped module.

DDP and FSDP learn from a module's output what the backward pass will touch. With Aurora's `Batch`
as output DDP's ranks diverged silently (``static_graph=True``, parameters 2.7e-2 apart after three
steps), so the module that is wrapped gives the loss itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.spec import DistributedSpec
from aurora_dash.training.distributed.averaging import averaged_in_float32
from aurora_dash.training.loss import LossTerms

Compute = Callable[[], LossTerms]


class Forward:
    """Computes a loss with a model that nothing is wrapped around."""

    def __call__(self, compute: Compute) -> LossTerms:
        """What `compute` gives, which calls the model as often as it likes."""
        return compute()

    def without_exchange(self) -> AbstractContextManager[None]:
        """A block whose forward and backward passes leave the gradients on each process."""
        return nullcontext()


class _LossOf(nn.Module):
    """A model whose output is the loss of what is computed with it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.terms: LossTerms | None = None

    def forward(self, compute: Compute) -> Tensor:
        self.terms = compute()
        return self.terms.total


class _Wrapped(Forward):
    def __init__(self, inner: _LossOf, outer: nn.Module) -> None:
        self._inner = inner
        self._outer = outer

    def __call__(self, compute: Compute) -> LossTerms:
        total = self._outer(compute)
        terms, self._inner.terms = self._inner.terms, None
        assert terms is not None
        return replace(terms, total=total)


class Replicated(_Wrapped):
    """Every process has all weights; gradients are averaged in the last backward pass (DDP)."""

    def __init__(self, model: OwnStatistics) -> None:
        inner = _LossOf(model)
        # Heads of variables that don't count in the loss have no gradient, nor has LoRA in steps
        # of a forecast where it does not act.
        self._ddp = DistributedDataParallel(
            inner, broadcast_buffers=False, find_unused_parameters=True
        )
        if any(p.dtype == torch.bfloat16 for p in model.parameters()):
            self._ddp.register_comm_hook(None, averaged_in_float32)
        super().__init__(inner, self._ddp)

    def without_exchange(self) -> AbstractContextManager[None]:
        """Gradients add up on each process."""
        context: AbstractContextManager[None] = self._ddp.no_sync()
        return context


class Split(_Wrapped):
    """Weights are split over the processes and gathered layer by layer (FSDP2).

    Gradients are averaged after every backward pass: to add them up first would take the memory
    of whole ones.
    """

    def __init__(self, model: OwnStatistics, world_size: int, *, reshard: bool) -> None:
        # Aurora's decoder gives views of one tensor; nothing is done in place to what it gives.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
        inner = _LossOf(model)
        device = next(model.parameters()).device
        mesh = init_device_mesh(device.type, (world_size,))
        layers = (*model.backbone.encoder_layers, *model.backbone.decoder_layers)
        # In float32, with Aurora's own autocast inside: a policy of bfloat16 would round latitudes.
        for part in (*layers, model.encoder, model.decoder):
            fully_shard(part, mesh=mesh, reshard_after_forward=reshard)
        fully_shard(inner, mesh=mesh, reshard_after_forward=False)
        super().__init__(inner, inner)


def wrap(model: OwnStatistics, spec: DistributedSpec, world_size: int) -> Forward:
    """The forward pass of a model that several processes train; FSDP splits its weights here.

    Weights must be equal everywhere and on their device; parameters are to be asked for afterwards.
    """
    if world_size == 1:
        return Forward()
    if spec.strategy == "fsdp":
        return Split(model, world_size, reshard=spec.reshard_after_forward)
    return Replicated(model)
