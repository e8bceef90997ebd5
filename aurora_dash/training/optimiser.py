"""The optimiser over parameter groups, each with its own peak learning rate and decay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aurora_dash.errors import TrainingError
from aurora_dash.model.groups import variable_of
from aurora_dash.spec import OptimiserSpec, VariableSpec
from aurora_dash.training.eight_bit import adamw_8bit
from aurora_dash.training.schedule import lr_factor

Groups = Mapping[str, Mapping[str, nn.Parameter]]
"""Parameters by group and name."""

NEW = "new_embeddings"


def build_optimiser(
    groups: Groups, spec: OptimiserSpec, new_variables: Iterable[VariableSpec] = ()
) -> torch.optim.Optimizer:
    """The optimiser, with one group for each parameter group that has trainable parameters.

    New patch embeddings and heads get `lr_new`, everything else `lr`, unless `lr_groups` says
    otherwise; new variables with a rate of their own make groups of their own, such as
    ``new_embeddings/surf_tp``. Without decay of biases and norms, those are apart, under the same
    name. `TrainingError` if nothing is trained or the optimiser is not to be had.
    """
    parts = []
    for name, (parameters, own_rate) in _with_own_rates(groups, tuple(new_variables)).items():
        group = name.partition("/")[0]
        peak = own_rate or spec.lr_groups.get(group, spec.lr_new if group == NEW else spec.lr)  # type: ignore[call-overload]
        decay = spec.decay_groups.get(group, spec.weight_decay)  # type: ignore[call-overload]
        trainable = [p for p in parameters.values() if p.requires_grad]
        for members, own_decay in _by_decay(trainable, decay, spec):
            parts.append(
                {
                    "params": members,
                    "name": name,
                    "peak_lr": peak,
                    "lr": peak,
                    "weight_decay": own_decay,
                }
            )
    if not parts:
        raise TrainingError("Nothing to train: all parameters are frozen.")
    return _make(parts, spec)


def _by_decay(
    parameters: list[nn.Parameter], decay: float, spec: OptimiserSpec
) -> list[tuple[list[nn.Parameter], float]]:
    """The parameters with their decay, in one part or two; no part is empty."""
    if spec.decay_biases_and_norms:
        parts = [(parameters, decay)]
    else:
        matrices = [p for p in parameters if p.ndim >= 2]
        vectors = [p for p in parameters if p.ndim < 2]
        parts = [(matrices, decay), (vectors, 0.0)]
    return [(members, rate) for members, rate in parts if members]


def _make(parts: list[dict[str, Any]], spec: OptimiserSpec) -> torch.optim.Optimizer:
    if spec.kind == "adamw":
        return torch.optim.AdamW(parts, fused=True)
    if spec.kind == "adafactor":
        return torch.optim.Adafactor(parts)
    return adamw_8bit(parts)


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


def by_new_variable(groups: Groups, variables: Iterable[VariableSpec]) -> Groups:
    """The parameters of each new variable, under names such as ``new_embeddings/surf_tp``."""
    variables = tuple(variables)
    found: dict[str, dict[str, nn.Parameter]] = {}
    for name, parameter in groups.get(NEW, {}).items():
        variable = variable_of(name, variables)
        if variable is not None:
            key = f"{NEW}/{variable.group.prefix}{variable.name}"
            found.setdefault(key, {})[name] = parameter
    return found


def set_learning_rates(
    optimiser: torch.optim.Optimizer, step: int, total: int, spec: OptimiserSpec
) -> dict[str, float]:
    """Set every group's rate for 0-based step `step` and return the rates by group."""
    factor = lr_factor(step, total, spec)
    rates = {}
    for group in optimiser.param_groups:
        rates[group["name"]] = rate = group["peak_lr"] * factor
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
    return rates
