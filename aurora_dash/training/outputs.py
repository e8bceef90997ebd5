"""Who takes a training's numbers and checkpoints: one of several processes, or all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from aurora_dash.model.build import BuiltModel
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.training.control import SAVING, Control
from aurora_dash.training.distributed.follower import NoRecords
from aurora_dash.training.distributed.together import RecordsForAll, SavesOfFirst
from aurora_dash.training.distributed.world import World
from aurora_dash.training.health.watch import WatchedRecords
from aurora_dash.training.keeper import Keeper
from aurora_dash.training.loop import Records, Saves, Trainer
from aurora_dash.training.record import Recorder
from aurora_dash.training.room import Room
from aurora_dash.training.saving import Saver
from aurora_dash.training.sharded import SavesInParts
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.usage import MeasuredRecords, UsageSampler
from aurora_dash.training.watched import RecordsWithSample, SampleWatch


@contextmanager
def records_of(
    run: Run,
    keeper: Keeper,
    room: Room,
    spec: RunSpec,
    world: World,
    step: TrainingStep,
    watch: SampleWatch | None,
) -> Iterator[tuple[Records, MetricsWriter | None]]:
    """Who takes the numbers of the training, and what `watch` caught; the file of the numbers."""
    with ExitStack() as stack:
        usage = stack.enter_context(UsageSampler(step.device))
        if not world.is_first:
            yield RecordsForAll(world, NoRecords(), usage), None
            return
        metrics = stack.enter_context(MetricsWriter(run.metrics_path))
        recorder = Recorder(metrics, keeper, room, step.total_steps, step.device)
        records: Records = WatchedRecords(recorder, run, spec, step.device)
        if watch is not None:
            records = RecordsWithSample(records, run, spec, watch, step.total_steps)
        if world.is_alone:
            yield MeasuredRecords(records, usage), metrics
        else:
            yield RecordsForAll(world, records, usage), metrics


class ShownSaves:
    """Saves that a stop is shown to wait for."""

    def __init__(self, saves: Saves, requests: Control) -> None:
        self._saves = saves
        self._requests = requests

    def __call__(self, trainer: Trainer, best: bool) -> None:
        """Take one of the present state, once the one before is on disk."""
        with self._requests.during(SAVING):
            self._saves(trainer, best)

    def check(self) -> bool:
        """Raise what writing met since; whether there was a pause for want of room."""
        return self._saves.check()

    def finish(self) -> bool:
        """Return when all that was taken is on disk; whether there was a pause."""
        with self._requests.during(SAVING):
            return self._saves.finish()


def saves_of(saver: Saver, room: Room, model: BuiltModel, spec: RunSpec, world: World) -> Saves:
    """Who takes checkpoints: one of several processes, or each its part of split weights."""
    if world.is_alone:
        return saver
    if spec.distributed.strategy == "fsdp":
        return SavesInParts(world, saver, room)
    return SavesOfFirst(world, saver, model.trained_parameters())
