"""Activation checkpointing: activations are computed again in the backward pass, not kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    apply_activation_checkpointing,
    checkpoint_wrapper,
)

from aurora_dash.model.normalised import OwnStatistics

_STAGES = frozenset({"Basic3DEncoderLayer", "Basic3DDecoderLayer"})
_BLOCKS = frozenset({"Swin3DTransformerBlock"})
_BACKBONE = "Swin3DTransformerBackbone"

LAYERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # The modules that Aurora's own `configure_activation_checkpointing` wraps.
        "default": frozenset(
            {
                *_STAGES,
                *_BLOCKS,
                "LinearPatchReconstruction",
                "Perceiver3DDecoder",
                "Perceiver3DEncoder",
                _BACKBONE,
            }
        ),
        "stages": _STAGES,
        "stages+blocks": _STAGES | _BLOCKS,
        "blocks": _BLOCKS,
    }
)
"""Classes whose activations are not kept, by the choices of `ModelSpec.checkpointed_layers`."""


Layers = Literal["default", "stages", "stages+blocks", "blocks"]


def checkpoint_activations(module: OwnStatistics, layers: Layers = "default") -> None:
    """Recompute activations in the backward pass, like Aurora's own method.

    An encoder and decoder in chunks see to themselves: then only the backbone's parts are wrapped.

    Aurora's saves and swaps the process's random state around each recomputation, which would
    disturb other threads. Here nothing random is recomputed: dropout rates are zero, and the
    backbone of the ensemble, which draws noise, is wrapped by its layers only.
    """
    names = LAYERS[layers]
    if module.is_stochastic:
        names -= {_BACKBONE}
    if module.chunking is not None:
        names &= {*_STAGES, *_BLOCKS, _BACKBONE}
    apply_activation_checkpointing(
        module,
        checkpoint_wrapper_fn=partial(checkpoint_wrapper, preserve_rng_state=False),
        check_fn=lambda part: type(part).__name__ in names,
    )
