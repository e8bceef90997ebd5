"""From what a trainer has reached to a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import BuiltModel
from aurora_dash.model.load import load_into
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.training.checkpoints import CheckpointStore, Snapshot
from aurora_dash.training.loop import Trainer
from aurora_dash.training.parts import Resumable, Stateful


class Saver:
    """Puts what a trainer has reached into a checkpoint."""

    def __init__(
        self,
        run: Run,
        spec: RunSpec,
        model: BuiltModel,
        step: Resumable,
        parts: Mapping[str, Stateful],
        threads: int,
        *,
        always_best: bool,
    ) -> None:
        self.store = CheckpointStore(run, keep=spec.training.keep_checkpoints)
        self._model = model
        self._step = step
        self._parts = parts
        self._threads = threads
        self._always_best = always_best
        """Without validation the newest weights pass for the best."""

    def __call__(self, trainer: Trainer, best: bool) -> None:
        """Save the present state."""
        snapshot = Snapshot(
            step=trainer.step,
            epoch=trainer.epoch,
            weights=self._model.state_dict(),
            optimiser=self._step.optimiser.state_dict(),
            statistics=self._model.statistics,
            device=str(self._step.device),
            threads=self._threads,
            train_loss=trainer.last_loss,
            validation_loss=trainer.validation_loss,
            best_loss=trainer.best_loss,
            parts={name: part.state_dict() for name, part in self._parts.items()},
        )
        self.store.save(snapshot, best=best or self._always_best)


def resume(
    run: Run,
    store: CheckpointStore,
    trainer: Trainer,
    model: BuiltModel,
    step: Resumable,
    parts: Mapping[str, Stateful],
) -> None:
    """Go on from the run's newest checkpoint, if it has one; `parts` become what they were."""
    restored = store.load_newest(lambda message: run.log_event("warning", message))
    if restored is None:
        return
    load_into(model.module, restored.weights, adapt=False, name=str(restored.path))
    step.restore(restored.optimiser)
    _restore_parts(run, parts, restored.parts, restored.path.name)
    meta = restored.meta
    trainer.resume(step=meta.step, last_loss=meta.train_loss, best_loss=meta.best_loss)
    run.log_event("info", f"resumed from {restored.path.name}", step=meta.step)


def _restore_parts(
    run: Run, parts: Mapping[str, Stateful], states: Mapping[str, dict[str, Any]], checkpoint: str
) -> None:
    """Each part as it was; what the checkpoint lacks begins anew, and the events say so."""
    for name, part in parts.items():
        if name not in states:
            run.log_event("warning", f"{checkpoint} holds no {name}: it begins anew.")
            continue
        try:
            part.load_state_dict(states[name])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(
                f"The state of {name} in {checkpoint} does not fit this run: {error}.",
                remedy="Start a new run from the checkpoint's weights instead of resuming.",
            ) from error
    for name in states.keys() - parts.keys():
        run.log_event("info", f"{checkpoint} holds {name}, which this run does not use.")
