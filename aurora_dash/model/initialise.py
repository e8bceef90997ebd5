"""How the weights of new variables begin: random, zero, or copied from a similar variable."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

import torch
from aurora.model.patchembed import LevelPatchEmbed
from torch import Tensor, nn

from aurora_dash.errors import ModelError
from aurora_dash.model.groups import canonical_name, counterpart, is_embedding, variable_of
from aurora_dash.spec import VariableSpec


def initialise_new(
    module: nn.Module, variables: Iterable[VariableSpec], created: Collection[str]
) -> None:
    """Set the weights of new variables that were `created` and not loaded (checkpoint names).

    A zero embedding adds nothing to the model's tokens; the head stays random. Copying takes
    embedding and head over. What was drawn at random stays where ``random`` is asked for.
    """
    variables = tuple(variables)
    own = {canonical_name(name): value for name, value in module.named_parameters()}
    for name in created:
        variable = variable_of(name, variables)
        if variable is None:
            continue
        # An input of zeros has no use for an embedding.
        if is_embedding(name) and (variable.initialise == "zero" or not variable.is_given):
            nn.init.zeros_(own[name])
        elif variable.copy_from is not None:
            with torch.no_grad():
                own[name].copy_(_original(module, own, name, variable, variable.copy_from))


def freeze_unused(module: nn.Module, variables: Iterable[VariableSpec]) -> None:
    """Exempt from training what no forecast depends on: the embedding of a variable that is not
    given, the head of one that is not predicted."""
    variables = tuple(variables)
    for name, parameter in module.named_parameters():
        variable = variable_of(name, variables)
        if variable is None:
            continue
        used = variable.is_given if is_embedding(name) else variable.is_predicted
        if not used:
            parameter.requires_grad_(False)


def _original(
    module: nn.Module, own: Mapping[str, Tensor], name: str, variable: VariableSpec, source: str
) -> Tensor:
    original = counterpart(name, variable.name, source)
    modulated = getattr(module.decoder, "modulation_heads", ())
    if original in own and source not in modulated:
        return own[original]
    raise ModelError(
        f"{variable.name!r} can't be copied from {source!r}: this model does not predict "
        f"{source!r} as it is, but by way of other quantities.",
        remedy="Copy from another variable, or begin with zero or random weights.",
    )


def embed_last(module: nn.Module, variables: Iterable[VariableSpec]) -> None:
    """Have the embeddings take variables that begin at zero after all others.

    Sums of many products are made block by block: zeros in the middle would shift the blocks, and
    with them the last digits of what the others add up to.
    """
    late = {v.name for v in variables if v.initialise == "zero"}
    late |= {f"static_{name}" for name in late}
    if not late:
        return
    for part in module.modules():
        if isinstance(part, LevelPatchEmbed):
            part.register_forward_pre_hook(partial(_with_last, late))


def _with_last(
    late: Collection[str], part: nn.Module, arguments: tuple[Tensor, tuple[str, ...]]
) -> tuple[Tensor, tuple[str, ...]]:
    """The arguments of an embedding, fields (b, v, t, h, w) and names, with `late` ones last."""
    fields, names = arguments
    order = sorted(range(len(names)), key=lambda index: names[index] in late)
    if order == list(range(len(names))):
        return arguments
    return fields[:, order], tuple(names[index] for index in order)
