"""Rolling a forecast out: each prediction joins the history from which the next one is made."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from aurora import Batch
from aurora.model.aurora import Aurora
from aurora.rollout import rollout

from aurora_dash.errors import EvaluationError


def forecast(module: Aurora, batch: Batch, *, steps: int, lead_hours: float) -> Iterator[Batch]:
    """Predictions 1 to `steps` of a batch, each `lead_hours` further, in physical units.

    One step is a plain forward pass, whatever the lead time; several are Aurora's own rollout,
    for which the lead time must be the spacing of the history, the model's time step.
    """
    timestep = module.timestep.total_seconds() / 3600
    if steps == 1:
        yield _one_step(module, batch, lead_hours)
    elif math.isclose(lead_hours, timestep):
        yield from rollout(module, batch, steps)
    else:
        raise EvaluationError(
            f"A forecast of {lead_hours:g} hours can't be rolled out with a model whose history "
            f"is {timestep:g} hours apart.",
            remedy="Evaluate one lead time.",
        )


def _one_step(module: Aurora, batch: Batch, lead_hours: float) -> Batch:
    # As at the start of a rollout, so that the first step of both is the same.
    parameter = next(module.parameters())
    batch = module.batch_transform_hook(batch).type(parameter.dtype)
    batch = batch.crop(module.patch_size).to(parameter.device)
    if not module.variable_lead_time:
        return module(batch)
    num_samples = len(batch.metadata.time)
    lead_times = torch.full((num_samples,), float(lead_hours), device=parameter.device)
    return module(batch, lead_times=lead_times)
