"""A forecast that goes on step by step, normalised for the loss and physical for what follows."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from aurora import Batch

from aurora_dash.model.normalised import LeadHours, OwnStatistics
from aurora_dash.model.reentry import first_inputs, next_inputs


class Chain:
    """One member of a forecast. Gradients flow from each step to those before it."""

    def __init__(
        self,
        module: OwnStatistics,
        inputs: Batch,
        device: torch.device,
        *,
        normalise_on_cpu: bool = False,
    ) -> None:
        # The model normalises where its inputs are, and moves what comes of it.
        self.inputs = inputs if normalise_on_cpu else inputs.to(device)
        """What the next prediction is made from."""
        self._module = module
        self._device = device

    def predict(self, lead_hours: LeadHours = None) -> Batch:
        """The next prediction, normalised; `inputs` stay as they are."""
        return self._module.predict_normalised(self.inputs, lead_hours)

    def advance(self, prediction: Batch) -> None:
        """Let a prediction of `predict`, of the model's own time step, join the inputs."""
        given = first_inputs(self._module, self.inputs, self._device)
        self.inputs = next_inputs(self._module, given, self._module.to_physical(prediction))

    def skip(self, num_steps: int) -> None:
        """Go on by some steps without gradient."""
        with torch.no_grad() if num_steps else nullcontext():
            for _ in range(num_steps):
                self.advance(self.predict())
