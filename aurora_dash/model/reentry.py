"""How a prediction becomes the input of the next step, as in Aurora's own rollout.

`aurora.rollout.rollout` (microsoft-aurora 2.0.1) is one generator over a whole forecast in physical
units; training needs its parts: a loss between them, or days of training between two steps.
"""

from __future__ import annotations

import dataclasses

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.model.normalised import OwnStatistics


def first_inputs(module: OwnStatistics, batch: Batch, device: torch.device) -> Batch:
    """Data as predictions can join it: waves split and marked, cropped, float32, on `device`.

    `module` does the same to what it is given, and again without effect to what this returns.
    """
    return module.batch_transform_hook(batch)._fmap(Tensor.float).crop(module.patch_size).to(device)


def next_inputs(module: OwnStatistics, inputs: Batch, prediction: Batch) -> Batch:
    """The inputs one step on: the oldest time leaves, the prediction joins as the newest.

    `inputs` are those of `first_inputs` or of this function, `prediction` in physical units. It is
    clipped as the variant wants it; output-only variables are left out. Gradients flow through.
    """
    prediction = module.apply_rollout_input_clipping(prediction)

    def joined(given: dict[str, Tensor], predicted: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: torch.cat([given[name][:, 1:], values], dim=1)
            for name, values in predicted.items()
            if name in given
        }

    return dataclasses.replace(
        prediction,
        surf_vars=joined(inputs.surf_vars, prediction.surf_vars),
        atmos_vars=joined(inputs.atmos_vars, prediction.atmos_vars),
    )
