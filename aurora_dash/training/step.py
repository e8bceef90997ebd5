"""One training step: predict, compare, differentiate, look, clip, update, average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.data.batches import Sample
from aurora_dash.errors import CheckpointError, TrainingError
from aurora_dash.model.build import BuiltModel
from aurora_dash.model.groups import canonical_name
from aurora_dash.spec import RunSpec
from aurora_dash.training.comparer import Comparer
from aurora_dash.training.distributed.shards import split_like
from aurora_dash.training.distributed.share import without_values
from aurora_dash.training.distributed.team import Team
from aurora_dash.training.ema import WeightAverage
from aurora_dash.training.gradients import gradients_of
from aurora_dash.training.loss import LossTerms
from aurora_dash.training.masters import Masters
from aurora_dash.training.optimiser import NEW, build_optimiser, by_new_variable, set_learning_rates
from aurora_dash.training.parts import Stateful
from aurora_dash.training.rollout.replay import Replay
from aurora_dash.training.rollout.rollout import Rollout
from aurora_dash.training.taken import Taken
from aurora_dash.training.terms import Record, to_floats
from aurora_dash.training.update import AtOnce, InBackward, Update
from aurora_dash.training.weights import WeightStatistics


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
        team: Team | None = None,
        masters: Masters | None = None,
    ) -> None:
        """`masters` must be given where processes share the weights: they come before that."""
        self.total_steps = total_steps
        self._team = team or Team()
        self.comparer = Comparer(model, spec, device, self._team)
        self._rollout = Rollout(spec, self.comparer, replay)
        self._spec = spec.optimiser
        self._accumulate = spec.training.accumulate
        self._nominal_size = spec.training.batch_size * spec.training.accumulate
        self._groups = model.parameters_by_group()
        self.masters = masters or Masters(model.module, spec, device)
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
        """Take 0-based step `step` with the gradients of all `batches` added up, those of this
        process; returns the numbers of its record, which are those of all processes.

        Raises `TrainingError` before the weights change if anything is not finite; where they
        change within the backward pass (`optimiser.in_backward`), after the other weights did.
        """
        rates = set_learning_rates(self.optimiser, step, self.total_steps, self._spec)
        self._update.begin()
        self._rollout.begin()
        looks = self._weights.before(step)
        try:
            taken = self._differentiate(step, batches)
            new = self._weights.new_variables
            norms = self._update.norms(self._groups).with_parts(self._update.norms(new))
            record = taken.record(norms.named("grad_norm") | looks)
        except TrainingError:
            self._rollout.undo()
            raise
        clipped = self._update.finish(norms, new)
        self._rollout.commit()
        if self.average is not None:
            self.average.update()
        after = self._weights.after()
        if clipped is not None:
            after |= clipped.named("grad_norm_clipped")
        return record | _rates(rates, self._spec.lr_groups) | (to_floats(after) if after else {})

    def _differentiate(self, step: int, batches: Iterable[Sample]) -> Taken:
        world, share, forward = self._team.world, self._team.share, self._team.forward
        taken = Taken(step, world, in_backward=self._spec.in_backward)
        numbers = share.numbers(step * self._accumulate, self._accumulate)
        for number, (inputs, targets) in zip(numbers, batches, strict=True):
            size = share.weight(number, len(inputs.metadata.time))
            # A mean over all samples of the step, whatever batch and process they came in;
            # gradients are averaged over the processes.
            factor = size * world.size / self._nominal_size if self._accumulate > 1 else 1.0
            is_last = number == numbers[-1]
            with nullcontext() if is_last else forward.without_exchange():
                terms = self._loss(step, number, inputs, targets)
                if self._spec.in_backward:
                    taken.refuse_early(terms, inputs)
                torch.autograd.backward(terms.total * factor if factor != 1.0 else terms.total)
            taken.add(terms, size, inputs)
        if self._accumulate > 1:
            whole = world.sum(taken.size)
            if whole != self._nominal_size:
                torch._foreach_mul_(gradients_of(self._groups), self._nominal_size / whole)
        return taken

    def _loss(self, step: int, number: int, inputs: Batch, targets: tuple[Batch, ...]) -> LossTerms:
        if not self._team.share.stands_in(number):
            return self._rollout.loss(step, number, inputs, targets)
        nothing = tuple(without_values(target) for target in targets)
        return replace(self._rollout.loss(step, number, inputs, nothing), num_values=0)

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
            self.optimiser.load_state_dict(self._split(state))
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The optimiser's state does not fit this run: {error}.",
                remedy="Start a new run from the checkpoint's weights instead of resuming.",
            ) from error
        for group, (peak, decay) in zip(self.optimiser.param_groups, own, strict=True):
            group["peak_lr"], group["weight_decay"] = peak, decay
        # The weights of the checkpoint were loaded into them.
        self.masters.write_back()

    def _split(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """An optimiser's state of whole tensors, split where the weights are."""
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]

        def part(index: int, value: object) -> object:
            return split_like(value, parameters[index]) if isinstance(value, Tensor) else value

        states = {
            index: {name: part(index, value) for name, value in values.items()}
            for index, values in state["state"].items()
        }
        return {**state, "state": states}


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
