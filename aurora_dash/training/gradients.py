"""Gradient norms, computed once and shared by clipping and monitoring; and clipping itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from aurora_dash.spec import OptimiserSpec
from aurora_dash.training.distributed.shards import local, whole_norms
from aurora_dash.training.optimiser import Groups

# As in torch.nn.utils.clip_grad_norm_.
_EPSILON = 1e-6
# Brock et al. 2021: rows of weights that are zero, as many are at first, may still learn.
_LEAST_ROW_NORM = 1e-3
_NO_PARTS: Groups = {}


@dataclass(frozen=True)
class GradientNorms:
    """L2 norms; tensors of no dimension on the model's device."""

    total: Tensor
    by_group: dict[str, Tensor]

    def with_parts(self, parts: GradientNorms) -> GradientNorms:
        """With those of parts of the groups as well, which the total counts already."""
        return GradientNorms(self.total, self.by_group | parts.by_group)

    def scaled(self, factor: Tensor) -> GradientNorms:
        """Those of gradients that were all multiplied by a factor."""
        return GradientNorms(
            self.total * factor, {name: norm * factor for name, norm in self.by_group.items()}
        )

    def named(self, name: str) -> dict[str, Tensor]:
        """As the numbers of a record: the total under `name`, groups under ``name/group``."""
        return {name: self.total} | {f"{name}/{group}": v for group, v in self.by_group.items()}


def gradient_norms(groups: Mapping[str, Mapping[str, nn.Parameter]]) -> GradientNorms:
    """Norms of the gradients that are there; one kernel sequence, no transfer to the CPU."""
    gradients = {
        name: [p.grad for p in parameters.values() if p.grad is not None]
        for name, parameters in groups.items()
    }
    flat = [gradient for group in gradients.values() for gradient in group]
    if not flat:
        return combined_norms({})
    # Those of weights in bfloat16 would have two digits otherwise.
    here = torch._foreach_norm([local(gradient) for gradient in flat], 2, torch.float32)
    norms = iter(whole_norms(torch.stack(here), like=flat[0]))
    return combined_norms({name: list(islice(norms, len(g))) for name, g in gradients.items()})


def combined_norms(norms: Mapping[str, Sequence[Tensor]]) -> GradientNorms:
    """Of the norms of single gradients by group; none at all are a norm of zero."""
    flat = [norm for group in norms.values() for norm in group]
    if not flat:
        return GradientNorms(torch.zeros(()), {})
    together, by_group, start = torch.stack(flat), {}, 0
    for name, group in norms.items():
        if group:
            by_group[name] = torch.linalg.vector_norm(together[start : start + len(group)])
            start += len(group)
    return GradientNorms(torch.linalg.vector_norm(together), by_group)


def clip(
    groups: Groups, norms: GradientNorms, spec: OptimiserSpec, parts: Groups = _NO_PARTS
) -> GradientNorms | None:
    """Limit all gradients in place as the spec asks; their norms after it, None without clipping.

    `norms` are those before it, of the `groups` and of `parts` of them that are told apart.
    """
    if spec.clip_by == "norm":
        if spec.clip_norm is None:
            return None
        return norms.scaled(clip_gradients(groups, norms.total, spec.clip_norm))
    if spec.clip_by == "value":
        gradients = gradients_of(groups)
        torch._foreach_clamp_min_(gradients, -spec.clip_value)
        torch._foreach_clamp_max_(gradients, spec.clip_value)
    else:
        clip_adaptively(groups, spec.clip_factor)
    return gradient_norms(groups).with_parts(gradient_norms(parts))


def clip_gradients(groups: Groups, total_norm: Tensor, max_norm: float) -> Tensor:
    """Scale all gradients in place so that their norm is at most `max_norm`; the factor.

    The same as `torch.nn.utils.clip_grad_norm_`, with the norm given instead of computed again.
    """
    factor = (max_norm / (total_norm + _EPSILON)).clamp(max=1.0)
    torch._foreach_mul_(gradients_of(groups), factor)
    return factor


def clip_adaptively(groups: Groups, factor: float) -> None:
    """Limit the gradient of each row of weights to `factor` times the norm of the row.

    A row is what belongs to one output; a vector is one row (Brock et al. 2021, "High-performance
    large-scale image recognition without normalization", equation 3).
    """
    for group in groups.values():
        for parameter in group.values():
            if parameter.grad is None:
                continue
            limit = factor * _row_norms(parameter.detach()).clamp(min=_LEAST_ROW_NORM)
            norms = _row_norms(parameter.grad)
            parameter.grad.mul_((limit / norms.clamp(min=_EPSILON)).clamp(max=1.0))


def _row_norms(values: Tensor) -> Tensor:
    dims = tuple(range(1, values.ndim)) if values.ndim > 1 else None
    norms: Tensor = torch.linalg.vector_norm(values, dim=dims, keepdim=True)
    return norms


def forget_gradients(groups: Groups) -> None:
    """Let all gradients go."""
    for group in groups.values():
        for parameter in group.values():
            parameter.grad = None


def gradients_of(groups: Groups) -> list[Tensor]:
    """All gradients that are there; of those that are split, the parts of this process."""
    return [
        local(p.grad) for group in groups.values() for p in group.values() if p.grad is not None
    ]
