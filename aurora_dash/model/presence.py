"""Where waves are present: what the wave model predicts beside their values.

Aurora's wave model has a second head, a density, for each variable that may be absent, over ice for
instance. Its own hook turns that into missing values, through which no gradient flows; a loss
that is to train these heads needs the probability itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from aurora import Aurora, Batch
from torch import Tensor

SUFFIX = "_density"
"""Of a variable's name: the probability (0 to 1) that it has a value at a point."""


def may_be_absent(module: Aurora) -> tuple[str, ...]:
    """Surface variables that the model marks as present or absent."""
    names: tuple[str, ...] = getattr(module, "density_channel_surf_vars", ())
    return names


def presence_in(batch: Batch, names: tuple[str, ...]) -> dict[str, Tensor]:
    """1 where a variable of data has a value, 0 where not, NaN where there is no sea (b, t, h, w).

    What the probability is compared with.
    """
    found = {}
    for name in names:
        if name in batch.surf_vars:
            there = (~torch.isnan(batch.surf_vars[name])).float()
            found[name + SUFFIX] = torch.where(batch.static_vars["wmb"] > 0, there, torch.nan)
    return found


def predicted_presence(surface: Mapping[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
    """The probabilities, from what the decoder's heads give."""
    heads = (name + SUFFIX for name in names if name + SUFFIX in surface)
    return {head: torch.sigmoid(surface[head]) for head in heads}


def with_presence(batch: Batch, presence: Mapping[str, Tensor]) -> Batch:
    """The batch with probabilities beside its surface variables."""
    return dataclasses.replace(batch, surf_vars={**batch.surf_vars, **presence})


def without_presence(batch: Batch, names: tuple[str, ...]) -> Batch:
    """The batch without the probabilities of `names`."""
    heads = {name + SUFFIX for name in names}
    kept = {name: values for name, values in batch.surf_vars.items() if name not in heads}
    return dataclasses.replace(batch, surf_vars=kept)
