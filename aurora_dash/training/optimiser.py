"""AdamW over parameter groups, each with its own peak learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from aurora_dash.errors import TrainingError
from aurora_dash.model.groups import variable_of
from aurora_dash.spec import OptimiserSpec, VariableSpec
from aurora_dash.training.schedule import lr_factor

Groups = Mapping[str, Mapping[str, nn.Parameter]]
"""Parameters by group and name."""

NEW = "new_embeddings"


def build_optimiser(
    groups: Groups, spec: OptimiserSpec, new_variables: Iterable[VariableSpec] = ()
) -> torch.optim.AdamW:
    """AdamW with one optimiser group for each parameter group that has trainable parameters.

    New patch embeddings and heads get `lr_new`, everything else `lr`; new variables with a rate
    of their own make groups of their own, such as ``new_embeddings/surf_tp``.
    """
    parts = []
    for name, (parameters, rate) in _with_own_rates(groups, tuple(new_variables)).items():
        trainable = [p for p in parameters.values() if p.requires_grad]
        if trainable:
            peak = rate or (spec.lr_new if name == NEW else spec.lr)
            parts.append({"params": trainable, "name": name, "peak_lr": peak, "lr": peak})
    if not parts:
        raise TrainingError("Nothing to train: all parameters are frozen.")
    return torch.optim.AdamW(parts, weight_decay=spec.weight_decay, fused=True)


def _with_own_rates(
    groups: Groups, variables: tuple[VariableSpec, ...]
) -> dict[str, tuple[dict[str, nn.Parameter], float | None]]:
    """The groups, with the parameters of each variable that has a rate in a group of its own."""
    found: dict[str, tuple[dict[str, nn.Parameter], float | None]] = {}
    for group, parameters in groups.items():
        for name, parameter in parameters.items():
            variable = variable_of(name, variables) if group == NEW else None
            key, rate = group, None
            if variable is not None and variable.lr is not None:
                key, rate = f"{NEW}/{variable.group.prefix}{variable.name}", variable.lr
            found.setdefault(key, ({}, rate))[0][name] = parameter
    return found


def set_learning_rates(
    optimiser: torch.optim.Optimizer, step: int, total: int, spec: OptimiserSpec
) -> dict[str, float]:
    """Set every group's rate for 0-based step `step` and return the rates by group."""
    factor = lr_factor(step, total, spec)
    rates = {}
    for group in optimiser.param_groups:
        group["lr"] = rates[group["name"]] = group["peak_lr"] * factor
    return rates
