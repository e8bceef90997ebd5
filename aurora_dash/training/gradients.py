"""Gradient norms, in total and by group, computed once and shared by clipping and monitoring."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aurora_dash.training.optimiser import Groups

# As in torch.nn.utils.clip_grad_norm_.
_EPSILON = 1e-6


@dataclass(frozen=True)
class GradientNorms:
    """L2 norms; tensors of no dimension on the model's device."""

    total: Tensor
    by_group: dict[str, Tensor]


def gradient_norms(groups: Groups) -> GradientNorms:
    """Norms of the gradients that are there; one kernel sequence, no transfer to the CPU."""
    gradients = {
        name: [p.grad for p in parameters.values() if p.grad is not None]
        for name, parameters in groups.items()
    }
    flat = [gradient for group in gradients.values() for gradient in group]
    norms = torch.stack(torch._foreach_norm(flat))
    by_group, start = {}, 0
    for name, group in gradients.items():
        if group:
            by_group[name] = torch.linalg.vector_norm(norms[start : start + len(group)])
            start += len(group)
    return GradientNorms(torch.linalg.vector_norm(norms), by_group)


def clip_gradients(groups: Groups, total_norm: Tensor, max_norm: float) -> None:
    """Scale all gradients in place so that their norm is at most `max_norm`.

    The same as `torch.nn.utils.clip_grad_norm_`, with the norm given instead of computed again.
    """
    factor = (max_norm / (total_norm + _EPSILON)).clamp(max=1.0)
    flat = [p.grad for group in groups.values() for p in group.values() if p.grad is not None]
    torch._foreach_mul_(flat, factor)
