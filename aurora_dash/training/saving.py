"""From what a trainer has reached to a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aurora_dash.errors import AuroraDashError, CheckpointError
from aurora_dash.model.build import BuiltModel
from aurora_dash.model.load import load_into
from aurora_dash.model.saved import CheckpointMeta
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.spec_history import changes_since_checkpoint, in_words
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.spec.best_metric import WHOLE
from aurora_dash.training.background import BackgroundWriter
from aurora_dash.training.checkpoints import CheckpointStore, Restored
from aurora_dash.training.distributed.shards import split_like
from aurora_dash.training.distributed.world import World
from aurora_dash.training.loop import Trainer
from aurora_dash.training.parts import Resumable, Stateful
from aurora_dash.training.room import Room
from aurora_dash.training.snapshot import Snapshot, package_versions
from aurora_dash.training.stopping import Best

FOR_THE_REST = 2**20
"""Bytes of a checkpoint besides its tensors, with room to spare."""


class Saver:
    """Puts what a trainer has reached into checkpoints. Use as a context manager.

    Training stands still while the state is copied to the memory of the host, and while the
    checkpoint before is still being written; the rest happens on a thread of its own. A full disk
    pauses the run, which keeps the copy until there is room for it.
    """

    def __init__(
        self,
        run: Run,
        room: Room,
        metrics: MetricsWriter | None,
        spec: RunSpec,
        model: BuiltModel,
        step: Resumable,
        parts: Mapping[str, Stateful],
        threads: int,
        *,
        always_best: bool,
    ) -> None:
        """`metrics` are on disk before a checkpoint is; None where another process writes both."""
        self.store = CheckpointStore(
            run, keep=spec.training.keep_checkpoints, keep_every=spec.training.keep_every
        )
        self._run = run
        self._spec = spec
        self._model = model
        self._step = step
        self._parts = parts
        self._threads = threads
        self._always_best = always_best
        """Without validation the newest weights pass for the best."""
        self._writer = BackgroundWriter(f"checkpoints {run.id}")
        self._room = room
        self._metrics = metrics
        self._needed = 0

    def __call__(self, trainer: Trainer, best: bool) -> None:
        """Save the present state; raises what writing the one before met."""
        self.finish()
        snapshot = self.snapshot(trainer).on_host()
        self._needed = snapshot.num_bytes + FOR_THE_REST
        self._writer.submit(lambda: self.save_now(snapshot, best=best))

    def save_now(self, snapshot: Snapshot, *, best: bool, parts: Path | None = None) -> None:
        """Write what `snapshot` gave, with files in the folder `parts` that belong to it."""
        if self._metrics is not None:
            # What led to a checkpoint must not be lost where the checkpoint is not.
            self._metrics.sync()
        self.store.save(snapshot, best=best or self._always_best, parts=parts)

    def check(self) -> bool:
        """Raise what writing met since; on a full disk return when all is written, after a pause.

        Returns whether there was a pause.
        """
        return self._writer.is_idle and self.finish()

    def finish(self) -> bool:
        """Return when all is on disk; raises what writing met, unless the disk is full.

        Returns whether the run was paused for that.
        """
        return self._room.secure(self._writer.wait, again=self._writer.retry, needed=self._needed)

    def snapshot(self, trainer: Trainer) -> Snapshot:
        """The present state; tensors are shared with it."""
        best = trainer.best
        return Snapshot(
            step=trainer.step,
            epoch=trainer.epoch,
            weights=self._model.state_dict(),
            optimiser=self._step.optimiser.state_dict(),
            statistics=self._model.statistics,
            device=str(self._step.device),
            threads=self._threads,
            train_loss=trainer.last_loss,
            validation_loss=trainer.validation_loss,
            validated=trainer.validated,
            best_loss=trainer.best_loss,
            best_metric=best.metric,
            best_value=best.value,
            best_step=trainer.step if self._always_best else best.step,
            spec=self._spec.model_dump(mode="json"),
            parts={name: part.state_dict() for name, part in self._parts.items()},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until what was taken is on disk, whatever ended the training."""
        self._writer.close()
        try:
            self._writer.check()
        except AuroraDashError as problem:
            if problem is not error:
                self._run.log_event("error", problem.message, remedy=problem.remedy)


def resume(
    run: Run,
    store: CheckpointStore,
    trainer: Trainer,
    model: BuiltModel,
    step: Resumable,
    parts: Mapping[str, Stateful],
    threads: int,
    world: World | None = None,
) -> None:
    """Go on from the run's newest checkpoint, if it has one; `parts` become what they were.

    What makes the numbers differ from those of a run that was never interrupted is in the events.
    """
    world = world or World()
    restored = _newest(run, store, world)
    if restored is None:
        return
    own = model.state_dict()
    weights = {k: split_like(v, own[k]) if k in own else v for k, v in restored.weights.items()}
    load_into(model.module, weights, adapt=False, name=str(restored.path))
    step.restore(restored.optimiser)
    _restore_parts(run, parts, restored.parts, restored.path.name)
    _restore_best(run, store, trainer.best, restored, world)
    meta = restored.meta
    _tell_differences(run, meta, str(step.device), threads)
    trainer.resume(
        step=meta.step,
        last_loss=meta.train_loss,
        best_loss=meta.best_loss,
        validation_loss=meta.validation_loss,
        validated=meta.was_validated,
    )
    run.log_event("info", f"resumed from {restored.path.name}", step=meta.step)


def _tell_differences(run: Run, meta: CheckpointMeta, device: str, threads: int) -> None:
    """Warn where machine or spec are not those that the checkpoint was made with."""
    before = {"threads": meta.threads, "device": meta.device, **meta.versions}
    now = {"threads": threads, "device": device, **package_versions()}
    changed = {name: (before[name], now[name]) for name in before if before[name] != now.get(name)}
    if changed:
        told = ", ".join(f"{name} {a} -> {b}" for name, (a, b) in changed.items())
        run.log_event(
            "warning", f"resumed with {told}: from here on losses differ in their last digits."
        )
    edited = changes_since_checkpoint(run)
    if edited:
        run.log_event(
            "warning",
            f"spec.json is not what the checkpoint was made with: {in_words(edited)}.",
            changed={field: list(values) for field, values in edited.items()},
        )


def _newest(run: Run, store: CheckpointStore, world: World) -> Restored | None:
    """The checkpoint to go on from: the one that the first process finds sound, in all."""
    found: list[Restored] = []

    def look() -> str:
        store.tidy()
        restored = store.load_newest(lambda message: run.log_event("warning", message))
        found.extend([restored] if restored else [])
        return restored.path.name if restored else ""

    name = world.by_first(look)
    if not name:
        return None
    return found[0] if found else store.load(name)


def _restore_best(
    run: Run, store: CheckpointStore, best: Best, restored: Restored, world: World
) -> None:
    """Which checkpoint is the best so far, and the pointer to it as it was at that step."""
    meta = restored.meta
    if meta.best_metric != best.metric:
        run.log_event(
            "warning",
            f"the best checkpoint so far is that of {meta.best_metric}; from here on the lowest "
            f"{best.metric} counts, whatever it was before.",
        )
        return
    best.value, best.step = meta.best_value, meta.best_step
    if best.value is None:
        # Older versions told the lowest loss alone.
        best.value = meta.best_loss if best.metric == WHOLE else None
    best_step = meta.best_step
    if best_step is not None:
        world.by_first(lambda: store.mark_best(best_step))


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
