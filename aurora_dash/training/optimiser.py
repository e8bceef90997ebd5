"""AdamW over parameter groups, each with its own peak learning rate."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from aurora_dash.errors import TrainingError
from aurora_dash.spec import OptimiserSpec
from aurora_dash.training.schedule import lr_factor

Groups = Mapping[str, Mapping[str, nn.Parameter]]
"""Parameters by group and name."""


def build_optimiser(groups: Groups, spec: OptimiserSpec) -> torch.optim.AdamW:
    """AdamW with one optimiser group for each parameter group that has trainable parameters.

    New patch embeddings and heads get `lr_new`, everything else `lr`.
    """
    parts = []
    for name, parameters in groups.items():
        trainable = [p for p in parameters.values() if p.requires_grad]
        if trainable:
            peak = spec.lr_new if name == "new_embeddings" else spec.lr
            parts.append({"params": trainable, "name": name, "peak_lr": peak, "lr": peak})
    if not parts:
        raise TrainingError("Nothing to train: all parameters are frozen.")
    return torch.optim.AdamW(parts, weight_decay=spec.weight_decay, fused=True)


def set_learning_rates(
    optimiser: torch.optim.Optimizer, step: int, total: int, spec: OptimiserSpec
) -> dict[str, float]:
    """Set every group's rate for 0-based step `step` and return the rates by group."""
    factor = lr_factor(step, total, spec)
    rates = {}
    for group in optimiser.param_groups:
        group["lr"] = rates[group["name"]] = group["peak_lr"] * factor
    return rates
