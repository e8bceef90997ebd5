"""Validation: the whole validation set in fixed order, without gradients, beside persistence."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from aurora_dash.training.loader import Samples, fixed_batches
from aurora_dash.training.loss import LossTerms
from aurora_dash.training.rollout.leads import split_by_lead
from aurora_dash.training.step import Comparer, Record, to_floats


class Validator:
    """Measures the validation loss; that of persistence is measured once and then repeated."""

    def __init__(self, comparer: Comparer, samples: Samples, batch_size: int) -> None:
        self._comparer = comparer
        self._samples = samples
        self._batch_size = batch_size
        self._persistence: Record = {}

    def __call__(self, interrupted: Callable[[], bool] = lambda: False) -> Record | None:
        """Mean losses of the present weights over all samples: `loss`, `loss/...`, `lead_loss/...`
        where there are several lead times, and `persistence_loss` (unless some targets are not
        among the inputs).

        `interrupted` is asked before each batch; None if it said yes.
        """
        self._comparer.module.eval()
        try:
            # Not `inference_mode`: Aurora caches attention masks across calls, and autograd
            # refuses to save tensors that were made in that mode.
            with torch.no_grad():
                return self._measure(interrupted)
        finally:
            self._comparer.module.train()

    def _measure(self, interrupted: Callable[[], bool]) -> Record | None:
        first_time = not self._persistence and self._comparer.can_persist
        model, persistence = _Mean(), _Mean()
        for number, batch in enumerate(fixed_batches(self._samples, self._batch_size)):
            if interrupted():
                return None
            for inputs, targets in split_by_lead(*batch):
                size = len(inputs.metadata.time)
                # Negative draws are those of validation: the same noise every time, never one
                # that is trained on.
                model.add(self._comparer.forecast(inputs, targets, draw=-1 - number), size)
                if first_time:
                    persistence.add(self._comparer.persistence(inputs, targets), size)
        if first_time:
            self._persistence = {"persistence_loss": persistence.result()["loss"]}
        return model.result() | self._persistence


class _Mean:
    """Means of loss terms over samples, in double precision."""

    def __init__(self) -> None:
        self._sums: Record = {}
        self._sizes: dict[str, int] = {}

    def add(self, terms: LossTerms, size: int) -> None:
        parts = {f"loss/{name}": part for name, part in terms.by_variable.items()}
        parts |= {f"lead_loss/{hours:g}": part for hours, part in terms.by_lead.items()}
        for name, value in to_floats({"loss": terms.total, **parts}).items():
            # A part is NaN where the target has nothing to compare with; the total never is.
            if name == "loss" or not math.isnan(value):
                self._sums[name] = self._sums.get(name, 0.0) + size * value
                self._sizes[name] = self._sizes.get(name, 0) + size

    def result(self) -> Record:
        return {name: total / self._sizes[name] for name, total in self._sums.items()}
