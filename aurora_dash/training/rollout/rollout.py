"""What one training step is trained on, by the kind of rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aurora import Batch

from aurora_dash.spec import RunSpec
from aurora_dash.training.loss import LossTerms
from aurora_dash.training.parts import Stateful
from aurora_dash.training.rollout.replay import Replay, require_matching_times

if TYPE_CHECKING:
    from aurora_dash.training.comparer import Comparer


class Rollout:
    """The loss of each training step, of as many steps of a forecast as the spec asks for."""

    def __init__(self, spec: RunSpec, comparer: Comparer, replay: Replay | None = None) -> None:
        self._spec = spec.rollout
        self._comparer = comparer
        self._replay = replay
        self._hours = float(spec.lead_hours)
        self._accumulates = spec.training.accumulate > 1
        self._commit: Callable[[], None] | None = None
        self._before: Mapping[str, Any] | None = None

    def begin(self) -> None:
        """Say that a training step begins; `undo` goes back to here."""
        self._commit = None
        if self._replay is not None and self._accumulates:
            self._before = self._replay.state_dict()

    def undo(self) -> None:
        """Say that the training step failed: what its batches left in the buffer is taken out."""
        self._commit = None
        if self._replay is not None and self._before is not None:
            self._replay.load_state_dict(self._before)

    def loss(self, step: int, number: int, inputs: Batch, targets: tuple[Batch, ...]) -> LossTerms:
        """The loss of a batch of 0-based training step `step`, the loader's batch `number`.

        The two differ where a step accumulates the gradients of several batches.
        """
        if self._replay is not None:
            # A forecast of the batch before may go on already.
            self.commit()
            return self._loss_of_replay(self._replay, number, inputs, targets)
        num_steps = self._spec.steps_at(step)
        skip = num_steps - 1 if self._spec.kind == "pushforward" else 0
        return self._comparer.forecast(
            inputs, targets[skip:num_steps], draw=number, skip=skip, is_part=True
        )

    def _loss_of_replay(
        self, replay: Replay, number: int, inputs: Batch, targets: tuple[Batch, ...]
    ) -> LossTerms:
        inputs = replay.inputs(number, inputs, self._comparer.module.patch_size)
        skip = replay.first_lead if inputs.metadata.rollout_step == 0 else 0
        require_matching_times(inputs, targets[0], self._hours * (skip + 1))
        keep, self._commit = replay.keeper(number)
        return self._comparer.forecast(inputs, targets, draw=number, skip=skip, keep=keep)

    def commit(self) -> None:
        """Say that the batch of the last loss is done."""
        if self._commit is not None:
            self._commit()
            self._commit = None

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """What a resume needs of it, by the name of its file."""
        return {} if self._replay is None else {"replay": self._replay}
