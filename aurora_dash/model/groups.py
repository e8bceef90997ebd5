"""Which part of the model a parameter belongs to, told from its name alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aurora_dash.spec import VariableSpec
from aurora_dash.variables import Group

PARAMETER_GROUPS = ("new_embeddings", "encoder", "backbone", "decoder", "lora")

# Inserted into names by activation checkpointing.
_WRAPPER = "_checkpoint_wrapped_module."

# `layers.<level>.` appears where a variant's embeddings or heads are conditioned on the level.
_EMBEDDING = re.compile(r"encoder\.(surf|atmos)_token_embeds\.(?:layers\.\w+\.)?weights\.(\w+)$")
_HEAD = re.compile(r"decoder\.(surf|atmos)_heads\.(\w+?)(?:_mod)?\.(?:layers\.\w+\.)?\w+$")


def canonical_name(parameter_name: str) -> str:
    """A parameter's name as the checkpoint has it, without activation checkpointing's wrapper."""
    return parameter_name.replace(_WRAPPER, "")


def belongs_to_new_variable(parameter_name: str, new_variables: Iterable[VariableSpec]) -> bool:
    """Whether a parameter is the patch embedding or the head of one of `new_variables`."""
    return variable_of(parameter_name, new_variables) is not None


def variable_of(parameter_name: str, new_variables: Iterable[VariableSpec]) -> VariableSpec | None:
    """The one of `new_variables` whose patch embedding or head a parameter is, if any."""
    name = canonical_name(parameter_name)
    if match := _EMBEDDING.match(name):
        key = (match[1], match[2])
        return next((v for v in new_variables if key in _embedding_keys(v)), None)
    if match := _HEAD.match(name):
        key = (match[1], match[2])
        return next((v for v in new_variables if _has_head(v) and key == (_side(v), v.name)), None)
    return None


def is_embedding(parameter_name: str) -> bool:
    """Whether a parameter is the patch embedding of a variable, not its head."""
    return _EMBEDDING.match(canonical_name(parameter_name)) is not None


def counterpart(parameter_name: str, variable: str, other: str) -> str:
    """The parameter that `other` has where `variable` has the one of this name."""
    name = canonical_name(parameter_name)
    match = _EMBEDDING.match(name) or _HEAD.match(name)
    assert match is not None
    start, end = match.span(2)
    return name[:start] + match[2].removesuffix(variable) + other + name[end:]


def group_of(parameter_name: str, new_variables: Iterable[VariableSpec] = ()) -> str:
    """One of `PARAMETER_GROUPS` for a parameter of any Aurora variant."""
    name = canonical_name(parameter_name)
    if ".lora_" in name:
        return "lora"
    if belongs_to_new_variable(name, new_variables):
        return "new_embeddings"
    part = name.partition(".")[0]
    # The air-pollution variant's feature combiners act on what enters the encoder.
    return part if part in ("backbone", "decoder") else "encoder"


def _has_head(variable: VariableSpec) -> bool:
    return variable.group is not Group.STATIC


def _side(variable: VariableSpec) -> str:
    return "atmos" if variable.group is Group.ATMOSPHERIC else "surf"


def _embedding_keys(variable: VariableSpec) -> tuple[tuple[str, str], ...]:
    if variable.group is Group.STATIC:
        # Some variants embed static variables among the atmospheric ones too, under this prefix.
        return (("surf", variable.name), ("atmos", f"static_{variable.name}"))
    return ((_side(variable), variable.name),)
