"""Freeze what is not trained, and attach what is trained beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import nn

from aurora_dash.model.groups import belongs_to_new_variable, canonical_name, group_of
from aurora_dash.model.lora import (
    adapter_weights,
    attach_lora,
    is_adapter,
    merge_lora,
    would_attach,
)
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.model.weights import StateDict
from aurora_dash.spec import RunSpec, TrainableSpec, VariableSpec

# Adapters begin with other numbers than the model, whose numbers they leave as they are.
_SEED_OF_ADAPTERS = 0x10FA


def base_weights(module: nn.Module, weights: StateDict, spec: TrainableSpec) -> StateDict:
    """The weights to fill a model with before anything is attached to it.

    Adapters among them that `prepare_training` attaches again are left to it; others, of an
    earlier run that was trained otherwise, are merged into the weights.
    """
    found = adapter_weights(weights)
    if found and spec.attaches_lora and would_attach(module, spec.lora, found):
        return {name: value for name, value in weights.items() if name not in found}
    return merge_lora(weights) if found else weights


def prepare_training(module: nn.Module, spec: RunSpec, weights: StateDict | None = None) -> None:
    """Attach LoRA if the spec wants it and freeze what is not trained.

    `weights` are those that the model was filled with: adapters among them that fit go on where
    they were; all others begin without effect.
    """
    if spec.trainable.attaches_lora:
        found = adapter_weights(weights or {})
        fits = would_attach(module, spec.trainable.lora, found)
        with OwnRandomness(spec.training.seed + _SEED_OF_ADAPTERS):
            attach_lora(module, spec.trainable.lora)
        if fits:
            module.load_state_dict(found, strict=False)
    trained = spec.trainable.trained_groups
    lora = spec.trainable.lora.kind
    for name, parameter in module.named_parameters():
        if training_group(name, spec.variables, lora=lora) not in trained:
            parameter.requires_grad_(False)


def training_group(
    parameter_name: str,
    new_variables: Iterable[VariableSpec] = (),
    *,
    lora: Literal["attached", "package"] = "attached",
) -> str:
    """The group with which a parameter is trained or frozen.

    As `groups.group_of`, but the LoRA of Aurora's own layers is part of the backbone unless `lora`
    says that it is what the group means.
    """
    if is_adapter(parameter_name):
        return "lora"
    name = canonical_name(parameter_name)
    if belongs_to_new_variable(name, new_variables):
        return "new_embeddings"
    group = group_of(name)
    return "backbone" if group == "lora" and lora == "attached" else group
