"""What a training step took: losses of its batches as the numbers of one record, or a refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.errors import NotFiniteError, TrainingError
from aurora_dash.training.distributed.world import World
from aurora_dash.training.loss import LossTerms
from aurora_dash.training.terms import Record, TermsMean, named, to_floats

_NAMED = 6
_LEFT = "The weights were left as they were"


class Taken:
    """The batches of one step so far; all but the newest are numbers already."""

    def __init__(self, step: int, world: World, *, in_backward: bool) -> None:
        self.size = 0.0
        """Samples that they stand for."""
        self._step = step
        self._world = world
        self._in_backward = in_backward
        self._problem: NotFiniteError | None = None
        self._mean = TermsMean()
        self._newest: tuple[LossTerms, float, Batch] | None = None
        self._num_compared = 0.0
        self._num_values = 0

    def add(self, terms: LossTerms, size: float, inputs: Batch) -> None:
        """Take a batch in; `TrainingError` if the loss of the one before is not finite and no
        other process waits for this one."""
        if self._newest is not None:
            self._settle({})
        self._newest = (terms, size, inputs)
        self.size += size

    def record(self, more: Mapping[str, Tensor]) -> Record:
        """The record of the step of all processes, with `more`, in one transfer for the newest
        batch.

        Raises `TrainingError`, in all processes, if anything is not finite, or no value could be
        compared.
        """
        assert self._newest is not None, "a step needs a batch"
        inputs = self._newest[2]
        extra = self._settle(more)
        found = self._world.gather(
            (self._mean, self._num_compared, self._num_values, self._problem, self.size)
        )
        means, num_compared, num_values, problems, sizes = zip(*found, strict=True)
        missing = 1 - sum(num_compared) / sum(num_values) if sum(num_values) else 0.0
        record = TermsMean.of(means).result() | extra
        self._world.raise_first(problems)
        try:
            refuse_if_all_missing(self._step, missing, inputs)
            refuse_unless_finite(self._step, record, inputs, changed=self._in_backward)
        except TrainingError as problem:
            self._world.raise_together(problem)
        record["samples"] = round(sum(sizes))
        return record | ({"missing_fraction": missing} if missing else {})

    def refuse_early(self, terms: LossTerms, inputs: Batch) -> None:
        """`TrainingError` if the backward pass, which changes the weights, must not begin."""
        numbers = to_floats({**named(terms), "num_compared": terms.num_compared})
        missing = terms.num_values > 0 and numbers.pop("num_compared") == 0
        refuse_if_all_missing(self._step, float(missing), inputs)
        refuse_unless_finite(self._step, numbers, inputs)

    def _settle(self, more: Mapping[str, Tensor]) -> Record:
        assert self._newest is not None
        terms, size, inputs = self._newest
        own = named(terms)
        numbers = to_floats({**own, "num_compared": terms.num_compared, **more})
        self._num_compared += numbers.pop("num_compared")
        self._num_values += terms.num_values
        losses = {name: numbers[name] for name in own}
        if not more or not self._world.is_alone:
            self._look_at(losses, inputs)
        self._mean.add_numbers(losses, size)
        self._newest = None
        return {name: numbers[name] for name in more}

    def _look_at(self, losses: Record, inputs: Batch) -> None:
        """Raise `TrainingError` if they are not finite; later, if others wait for this process."""
        try:
            refuse_unless_finite(self._step, losses, inputs)
        except NotFiniteError as problem:
            if self._world.is_alone:
                raise
            self._problem = self._problem or problem


def refuse_if_all_missing(step: int, missing: float, inputs: Batch) -> None:
    """Raise `TrainingError` if nothing could be compared."""
    if missing == 1:
        raise TrainingError(
            f"Step {step + 1}: all target values of the batch at {_times(inputs)} are missing.",
            remedy="Choose another period or other targets, or fill the gaps.",
        )


def refuse_unless_finite(
    step: int, record: Record, inputs: Batch, *, changed: bool = False
) -> None:
    """Raise `TrainingError` that names what is not finite in the numbers of a step.

    `changed`: whether weights whose gradients were finite have changed already.
    """
    if math.isfinite(record["loss"]) and math.isfinite(record.get("grad_norm", 0.0)):
        return
    what = "gradient" if math.isfinite(record["loss"]) else "loss"
    prefix = "grad_norm/" if what == "gradient" else "loss/"
    odd = [k.removeprefix(prefix) for k, v in record.items() if k.startswith(prefix)]
    odd = [name for name in odd if not math.isfinite(record[prefix + name])]
    # Each part may be finite where their weighted sum is not.
    where = f"in {_some(odd)}; " if odd else ""
    gaps = [name for name, values in _variables(inputs) if not torch.isfinite(values).all()]
    because = f" The input has missing or infinite values in {_some(gaps)}." if gaps else ""
    left = "Gradients that were not finite counted as zero" if changed else _LEFT
    raise NotFiniteError(
        f"Step {step + 1}: the {what} is not finite ({where}batch of {_times(inputs)})."
        f"{because} {left}.",
        remedy="Check the data at that time for gaps and outliers."
        if gaps
        else "Lower the learning rate, clip more (optimiser.clip_norm) or set "
        "model.stabilise_level_agg: the alert on Monitor, or `aurora-dash runs fix`, does so "
        "from a sound checkpoint.",
        in_data=bool(gaps),
    )


def _variables(batch: Batch) -> list[tuple[str, Tensor]]:
    parts = (batch.surf_vars, batch.static_vars, batch.atmos_vars)
    return [(name, values) for part in parts for name, values in part.items()]


def _times(batch: Batch) -> str:
    return ", ".join(f"{time:%Y-%m-%dT%H:%M}" for time in batch.metadata.time)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
