"""The moving average of a run's weights, as a checkpoint keeps it beside the weights."""

from __future__ import annotations

from pathlib import Path

from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import BuiltModel
from aurora_dash.model.groups import canonical_name
from aurora_dash.model.saved import CheckpointMeta, read_meta, read_part

PART = "ema"
"""Name of the checkpoint's part."""


def has_average(meta: CheckpointMeta) -> bool:
    """Whether a checkpoint holds an average of the weights."""
    return PART in meta.parts


def put_average(built: BuiltModel, checkpoint: Path) -> None:
    """Give a model the moving average of its weights; `CheckpointError` if none was kept."""
    import torch

    meta = read_meta(checkpoint)
    if not has_average(meta):
        raise CheckpointError(
            f"{checkpoint.name} holds no average of the weights.",
            remedy="Take the weights themselves, or train with optimiser.ema_decay.",
        )
    average = read_part(checkpoint, PART, meta)["weights"]
    with torch.no_grad():
        for name, parameter in built.module.named_parameters():
            if canonical_name(name) in average:
                parameter.copy_(average[canonical_name(name)])
