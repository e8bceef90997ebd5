"""One training step: predict, compare, differentiate, look, clip, update, average."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.data.batches import Sample
from aurora_dash.errors import CheckpointError, NotFiniteError, TrainingError
from aurora_dash.model.build import BuiltModel
from aurora_dash.model.groups import canonical_name
from aurora_dash.spec import RunSpec
from aurora_dash.training.comparer import Comparer
from aurora_dash.training.ema import WeightAverage
from aurora_dash.training.gradients import gradients_of
from aurora_dash.training.loss import LossTerms
from aurora_dash.training.masters import Masters
from aurora_dash.training.optimiser import NEW, build_optimiser, by_new_variable, set_learning_rates
from aurora_dash.training.parts import Stateful
from aurora_dash.training.rollout.replay import Replay
from aurora_dash.training.rollout.rollout import Rollout
from aurora_dash.training.terms import Record, TermsMean, named, to_floats
from aurora_dash.training.update import AtOnce, InBackward, Update
from aurora_dash.training.weights import WeightStatistics

_NAMED = 6
_LEFT = "The weights were left as they were"


class TrainingStep:
    """Changes the weights once a call, unless a loss or gradient is not finite."""

    def __init__(
        self,
        model: BuiltModel,
        spec: RunSpec,
        device: torch.device,
        total_steps: int,
        *,
        replay: Replay | None = None,
    ) -> None:
        self.total_steps = total_steps
        self.comparer = Comparer(model, spec, device)
        self._rollout = Rollout(spec, self.comparer, replay)
        self._spec = spec.optimiser
        self._accumulate = spec.training.accumulate
        self._nominal_size = spec.training.batch_size * spec.training.accumulate
        self._groups = model.parameters_by_group()
        self.masters = Masters(model.module, spec, device)
        """What the optimiser changes in place of the model's weights."""
        held = self.masters.groups(self._groups)
        self.optimiser = build_optimiser(held, spec.optimiser, spec.variables)
        update = InBackward if self._spec.in_backward else AtOnce
        self._update: Update = update(self._groups, self.masters, self.optimiser, self._spec)
        new = by_new_variable(self._groups, spec.variables)
        self._weights = WeightStatistics(
            self._groups, new, spec.training.statistics_every, self.masters.of
        )
        self.average = _average(self._groups, spec.optimiser.ema_decay, self.masters)
        """The moving average of the weights, if there is one."""

    def __call__(self, step: int, batches: Iterable[Sample]) -> Record:
        """Take 0-based step `step` with the gradients of all `batches` added up; returns the
        numbers of its record.

        Raises `TrainingError` before the weights change if anything is not finite; where they
        change within the backward pass (`optimiser.in_backward`), after the other weights did.
        """
        rates = set_learning_rates(self.optimiser, step, self.total_steps, self._spec)
        self._update.begin()
        self._rollout.begin()
        looks = self._weights.before(step)
        try:
            taken = self._differentiate(step, batches)
            norms = self._update.norms(self._groups)
            looks |= self._weights.gradients(self._update.norms)
            by_group = {f"grad_norm/{group}": norm for group, norm in norms.by_group.items()}
            record = taken.record({"grad_norm": norms.total, **by_group, **looks})
        except TrainingError:
            self._rollout.undo()
            raise
        clipped = self._update.finish(norms)
        self._rollout.commit()
        if self.average is not None:
            self.average.update()
        after = self._weights.after()
        if clipped is not None:
            after["grad_norm_clipped"] = clipped
        return record | _rates(rates, self._spec.lr_groups) | (to_floats(after) if after else {})

    def _differentiate(self, step: int, batches: Iterable[Sample]) -> _Taken:
        taken = _Taken(step, in_backward=self._spec.in_backward)
        for number, (inputs, targets) in enumerate(batches, step * self._accumulate):
            terms = self._rollout.loss(step, number, inputs, targets)
            size = len(inputs.metadata.time)
            if self._spec.in_backward:
                taken.refuse_early(terms, inputs)
            # A mean over all samples of the step, whatever batch they came in.
            share = size / self._nominal_size if self._accumulate > 1 else 1.0
            torch.autograd.backward(terms.total * share if share != 1.0 else terms.total)
            taken.add(terms, size, inputs)
        if self._accumulate > 1 and taken.size != self._nominal_size:
            torch._foreach_mul_(gradients_of(self._groups), self._nominal_size / taken.size)
        return taken

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.comparer.device

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """What a resume needs besides weights and optimiser, by the name of its file."""
        average = {} if self.average is None else {"ema": self.average}
        return {**self._rollout.parts, **average}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the optimiser's state from a checkpoint; rates and decay stay the spec's.

        Raises `CheckpointError` if it was made with other parameters, groups or another optimiser.
        """
        own = [(g["peak_lr"], g["weight_decay"]) for g in self.optimiser.param_groups]
        try:
            for group, saved in zip(
                self.optimiser.param_groups, state["param_groups"], strict=True
            ):
                odd = group.keys() ^ saved.keys()
                if odd:
                    raise ValueError(f"it is that of another optimiser ({', '.join(sorted(odd))})")
            self.optimiser.load_state_dict(dict(state))
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The optimiser's state does not fit this run: {error}.",
                remedy="Start a new run from the checkpoint's weights instead of resuming.",
            ) from error
        for group, (peak, decay) in zip(self.optimiser.param_groups, own, strict=True):
            group["peak_lr"], group["weight_decay"] = peak, decay
        # The weights of the checkpoint were loaded into them.
        self.masters.write_back()


class _Taken:
    """The batches of one step so far; all but the newest are numbers already."""

    def __init__(self, step: int, *, in_backward: bool) -> None:
        self.size = 0
        self._step = step
        self._in_backward = in_backward
        self._mean = TermsMean()
        self._newest: tuple[LossTerms, int, Batch] | None = None
        self._num_compared = 0.0
        self._num_values = 0

    def add(self, terms: LossTerms, size: int, inputs: Batch) -> None:
        """Take a batch in; `TrainingError` if the loss of the one before is not finite."""
        if self._newest is not None:
            self._settle({})
        self._newest = (terms, size, inputs)
        self.size += size

    def record(self, more: Mapping[str, Tensor]) -> Record:
        """The record of the step, with `more`, in one transfer for the newest batch.

        Raises `TrainingError` if anything is not finite, or no value could be compared.
        """
        assert self._newest is not None, "a step needs a batch"
        inputs = self._newest[2]
        extra = self._settle(more)
        missing = 1 - self._num_compared / self._num_values if self._num_values else 0.0
        record = self._mean.result() | extra
        refuse_if_all_missing(self._step, missing, inputs)
        refuse_unless_finite(self._step, record, inputs, changed=self._in_backward)
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
        if not more:
            refuse_unless_finite(self._step, losses, inputs)
        self._mean.add_numbers(losses, size)
        self._newest = None
        return {name: numbers[name] for name in more}


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


def _average(
    groups: Mapping[str, Mapping[str, torch.nn.Parameter]],
    decay: float | None,
    masters: Masters,
) -> WeightAverage | None:
    if decay is None:
        return None
    parameters = {canonical_name(k): p for group in groups.values() for k, p in group.items()}
    return WeightAverage(parameters, decay, masters.of)


def _rates(rates: Mapping[str, float], with_own: Iterable[str]) -> Record:
    """``lr``, and by group for new variables and groups with rates of their own."""
    own = {
        group: rate
        for group, rate in rates.items()
        if group.partition("/")[0] == NEW or group in set(with_own)
    }
    usual = [rate for group, rate in rates.items() if group not in own]
    first = usual[0] if usual else next(iter(own.values()))
    return {"lr": first} | {f"lr/{group}": rate for group, rate in own.items()}


def _variables(batch: Batch) -> list[tuple[str, Tensor]]:
    parts = (batch.surf_vars, batch.static_vars, batch.atmos_vars)
    return [(name, values) for part in parts for name, values in part.items()]


def _times(batch: Batch) -> str:
    return ", ".join(f"{time:%Y-%m-%dT%H:%M}" for time in batch.metadata.time)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
