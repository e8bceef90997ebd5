"""Weights as the published checkpoints spell them: the inverse of what the package undoes on load.

Early checkpoints number the variables of an embedding or a head instead of naming them, and all
names begin with ``net.``; the air-pollution and wave models have names of their own besides.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from aurora_dash.variants import PRESSURE_LEVELS, Variant

StateDict = dict[str, Tensor]

_SURFACE = ("2t", "10u", "10v", "msl")
_STATIC = ("lsm", "z", "slt")
_ATMOSPHERIC = ("z", "u", "v", "t", "q")
_GASES = ("co", "no", "no2", "go3", "so2")
_CLOCK = ("tod_cos", "tod_sin", "dow_cos", "dow_sin", "doy_cos", "doy_sin")


def publishable(variant: Variant, weights: StateDict) -> StateDict:
    """Weights that the published format of a variant can hold.

    The air-pollution checkpoint keeps one embedding for all levels of the weather variables and of
    the static ones, and its `z` is read with the embedding of the static `z`.
    """
    weights = {name: value.clone() for name, value in weights.items()}
    if variant.id != "0.4-air-pollution":
        return weights
    statics = [f"static_{name}" for name in (*variant.static, *_CLOCK)]
    prefix = "encoder.atmos_token_embeds.layers"
    for level in PRESSURE_LEVELS:
        for name in (*_ATMOSPHERIC[1:], *statics):
            weights[f"{prefix}.{level}.weights.{name}"] = weights[f"{prefix}.50.weights.{name}"]
        weights[f"{prefix}.{level}.weights.z"] = weights[f"{prefix}.50.weights.static_z"]
    return weights


def published(variant: Variant, weights: StateDict) -> StateDict:
    """The same weights under the names of the published checkpoint of a variant."""
    weights = dict(weights)
    if variant.id == "0.4-air-pollution":
        _number_air(variant, weights)
    elif variant.id == "0.25-wave":
        # Its embeddings are named already; the normalisations of level aggregation are spelt so.
        weights = {
            name.replace(".ln_k.", ".k_ln.").replace(".ln_q.", ".q_ln."): value
            for name, value in weights.items()
        }
    else:
        surface = variant.surface
        _number(weights, "encoder.surf_token_embeds", (*surface, *variant.static))
        _number(weights, "encoder.atmos_token_embeds", variant.atmospheric)
        _join_heads(weights, "surf_head", "surf_heads.{}", surface)
        _join_heads(weights, "atmos_head", "atmos_heads.{}", variant.atmospheric)
    return {f"net.{name}": value for name, value in weights.items()}


def _number(weights: StateDict, module: str, names: Iterable[str], suffix: str = "weight") -> None:
    """One tensor whose second axis numbers the variables."""
    parts = [weights.pop(f"{module}.weights.{name}") for name in names]
    weights[f"{module}.{suffix}"] = torch.cat(parts, dim=1)


def _join_heads(weights: StateDict, joint: str, head: str, names: Iterable[str]) -> None:
    """One head for all variables; in its rows the variable runs faster than the pixel."""
    for part in ("weight", "bias"):
        parts = [weights.pop(f"decoder.{head.format(name)}.{part}") for name in names]
        weights[f"decoder.{joint}.{part}"] = torch.stack(parts, dim=1).flatten(0, 1)


def _number_air(variant: Variant, weights: StateDict) -> None:
    pollutants = variant.surface[len(_SURFACE) :]
    emissions = variant.static[len(_STATIC) :]
    surface = "encoder.surf_token_embeds"
    _number(weights, surface, (*pollutants, *emissions, *_CLOCK), "weight_new")
    _number(weights, surface, (*_SURFACE, *_STATIC))
    _number_air_levels(variant, weights)
    for key in [key for key in weights if key.startswith("decoder.level_decoder_alternate.")]:
        weights[key.replace("_alternate", "_new")] = weights.pop(key)
    for name in _SURFACE:
        # The checkpoint has them for all variables; those of the weather are thrown away.
        for part in ("weight", "bias"):
            like = weights[f"decoder.surf_heads.pm1_mod.{part}"]
            weights[f"decoder.surf_heads.{name}_mod.{part}"] = torch.full_like(like, 9.0)
    _join_heads(weights, "surf_head", "surf_heads.{}", _SURFACE)
    _join_heads(weights, "surf_head_new", "surf_heads.{}", pollutants)
    _join_heads(weights, "surf_head_mod", "surf_heads.{}_mod", (*_SURFACE, *pollutants))
    for level in PRESSURE_LEVELS:
        end = f"layers.{level}"
        _join_heads(weights, f"atmos_head.{end}", f"atmos_heads.{{}}.{end}", _ATMOSPHERIC)
        _join_heads(weights, f"atmos_head_new.{end}", f"atmos_heads.{{}}.{end}", _GASES)
        _join_heads(weights, f"atmos_head_mod_new.{end}", f"atmos_heads.{{}}_mod.{end}", _GASES)


def _number_air_levels(variant: Variant, weights: StateDict) -> None:
    """Embeddings for all levels in one module, those by level in another; their biases add up."""
    module = "encoder.atmos_token_embeds"
    statics = [f"static_{name}" for name in (*variant.static, *_CLOCK)]
    shared = {
        name: weights[f"{module}.layers.50.weights.{name}"] for name in (*_ATMOSPHERIC, *statics)
    }
    for level in PRESSURE_LEVELS:
        layer, new = f"{module}.layers.{level}", f"{module}_new.layers.{level}"
        for name in shared:
            del weights[f"{layer}.weights.{name}"]
        gases = [weights.pop(f"{layer}.weights.{name}") for name in _GASES]
        weights[f"{new}.weight_new"] = torch.cat(gases, dim=1)
        weights[f"{new}.bias"] = weights.pop(f"{layer}.bias")
        # Left over from how the model was made; read by nobody.
        weights[f"{new}.weight"] = torch.full((1,), 9.0)
    weights[f"{module}.bias"] = torch.zeros_like(weights[f"{module}_new.layers.50.bias"])
    weights[f"{module}.weight"] = torch.cat([shared[name] for name in _ATMOSPHERIC], dim=1)
    weights[f"{module}.weight_new2"] = torch.cat([shared[name] for name in statics], dim=1)
