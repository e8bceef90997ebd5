"""What one training step is trained on, by the kind of rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aurora import Batch

from aurora_dash.spec import RunSpec
from aurora_dash.training.loss import LossTerms
from aurora_dash.training.parts import Stateful
from aurora_dash.training.rollout.replay import Replay, require_matching_times

if TYPE_CHECKING:
    from aurora_dash.training.step import Comparer


class Rollout:
    """The loss of each training step, of as many steps of a forecast as the spec asks for."""

    def __init__(self, spec: RunSpec, comparer: Comparer, replay: Replay | None = None) -> None:
        self._spec = spec.rollout
        self._comparer = comparer
        self._replay = replay
        self._hours = float(spec.lead_hours)
        self._commit: Callable[[], None] | None = None

    def loss(self, step: int, inputs: Batch, targets: tuple[Batch, ...]) -> LossTerms:
        """The loss of 0-based training step `step`, with the batch that the loader gives."""
        if self._replay is not None:
            return self._loss_of_replay(self._replay, step, inputs, targets)
        num_steps = self._spec.steps_at(step)
        if self._spec.kind == "pushforward":
            last = targets[num_steps - 1 : num_steps]
            return self._comparer.forecast(inputs, last, draw=step, skip=num_steps - 1)
        return self._comparer.forecast(inputs, targets[:num_steps], draw=step)

    def _loss_of_replay(
        self, replay: Replay, step: int, inputs: Batch, targets: tuple[Batch, ...]
    ) -> LossTerms:
        inputs = replay.inputs(step, inputs, self._comparer.module.patch_size)
        skip = replay.first_lead if inputs.metadata.rollout_step == 0 else 0
        require_matching_times(inputs, targets[0], self._hours * (skip + 1))
        keep, self._commit = replay.keeper(step)
        return self._comparer.forecast(inputs, targets, draw=step, skip=skip, keep=keep)

    def commit(self) -> None:
        """Say that the training step of the last loss is done: the weights have changed."""
        if self._commit is not None:
            self._commit()
            self._commit = None

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """What a resume needs of it, by the name of its file."""
        return {} if self._replay is None else {"replay": self._replay}
