"""One fine-tuning run from its folder: the function that every launcher calls."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from aurora_dash.data.mix import check_parts, close_parts, open_parts
from aurora_dash.data.reading import heed_stop, interruptible
from aurora_dash.errors import StopAsked, TrainingError
from aurora_dash.model.advice import trainable_findings
from aurora_dash.model.build import BuiltModel
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.training.control import Control
from aurora_dash.training.determinism import deterministic_if
from aurora_dash.training.distributed.follower import ReadOnlyRun, Remembered
from aurora_dash.training.distributed.forward import wrap
from aurora_dash.training.distributed.joining import joined
from aurora_dash.training.distributed.place import Place
from aurora_dash.training.distributed.share import share_of
from aurora_dash.training.distributed.team import Team
from aurora_dash.training.distributed.together import RequestsForAll
from aurora_dash.training.distributed.world import World
from aurora_dash.training.failure import Failures
from aurora_dash.training.keeper import Keeper
from aurora_dash.training.loader import TrainingBatches
from aurora_dash.training.loop import Trainer
from aurora_dash.training.machine import set_threads, tiny_numbers_as_zero
from aurora_dash.training.masters import Masters
from aurora_dash.training.material import Material, material_of
from aurora_dash.training.mix import Validate
from aurora_dash.training.outputs import ShownSaves, records_of, saves_of
from aurora_dash.training.plan import total_steps_of
from aurora_dash.training.prerequisites import (
    build,
    refuse_unless_launchable,
    replay_of,
    resolve,
    validator_of,
)
from aurora_dash.training.rollout.replay import Replay
from aurora_dash.training.room import PatientRun, Room
from aurora_dash.training.saving import Saver, resume
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.stopping import Best, EarlyStopping
from aurora_dash.training.terms import Record
from aurora_dash.training.watched import SampleWatch
from aurora_dash.training.watched_fields import watch_of


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended."""

    state: RunState
    steps: int
    final_loss: float | None = None
    """Training loss of the last step."""
    best_loss: float | None = None
    """Lowest validation loss; without validation, the lowest training loss."""
    reason: str = ""
    remedy: str = ""


def train(run: Run, *, should_stop: Callable[[], bool] = lambda: False) -> TrainResult:
    """Train a run from its folder's spec, or from its last checkpoint if it has one.

    Owns the folder meanwhile, writes metrics, status, events and checkpoints into it, and heeds
    requests and `should_stop`. A failure ends as the state ``failed`` with a reason, not as an
    exception; only a run that somebody else owns raises `RunError`. Nothing of the model is
    held when it returns.

    Where ``torchrun`` started several processes, each calls this, and they train together: the
    first owns the folder, the others write nothing, and raise what they alone fail with.
    """
    place = Place.here()
    if place.rank > 0:
        remembered = Remembered(run)
        _train(ReadOnlyRun(run.folder), remembered, should_stop, place)
        return _result(remembered.status)
    kind: Literal["thread", "process"] = "thread"
    if threading.current_thread() is threading.main_thread():
        kind = "process"
    with own(run, kind) as owner:
        run = PatientRun(run.folder)
        with Failures(run, owner):
            _train(run, owner, should_stop, place)
        # The failure's traceback, and with it the model, is gone only now.
        gc.collect()
        if torch.cuda.is_available():
            release_gpu_memory(run)
        return _result(owner.status)


def _result(status: RunStatus) -> TrainResult:
    return TrainResult(
        state=status.state,
        steps=status.step,
        final_loss=status.last_loss,
        best_loss=status.best_loss,
        reason=status.reason,
        remedy=status.remedy,
    )


def release_gpu_memory(run: Run) -> None:
    """Give the GPU's memory back to others; a warning in the events if that is refused."""
    try:
        torch.cuda.empty_cache()
    except RuntimeError as error:
        # After a fatal error a GPU answers nothing more in this process; the run has its reason.
        first_line = str(error).splitlines()[0]
        run.log_event("warning", f"the GPU's memory can't be given back: {first_line}")


@tiny_numbers_as_zero()
def _train(run: PatientRun, keeper: Keeper, should_stop: Callable[[], bool], place: Place) -> None:
    spec = run.spec()
    device = place.device(spec)
    threads = set_threads(spec.training.threads, place.local_size)
    with joined(place, keeper, on_gpu=device.type == "cuda") as world:
        _train_in(world, run, keeper, should_stop, device, threads)


def _train_in(
    world: World,
    run: PatientRun,
    keeper: Keeper,
    should_stop: Callable[[], bool],
    device: torch.device,
    threads: int,
) -> None:
    spec = run.spec()
    keeper.update(device=str(device), waiting_for="the data to be opened and checked")
    requests = Control(run, keeper, should_stop)
    # The others are told what the first process heard. Several could not stop at one and the same
    # point on the way to the first step: they do so before it.
    ears = requests.listening() if world.is_first else nullcontext()
    with ears, ExitStack() as held:
        try:
            with interruptible(requests.is_to_stop) if world.is_alone else nullcontext():
                parts = open_parts(spec)
                held.callback(close_parts, parts)
                refuse_unless_launchable(run, (*check_parts(parts), *trainable_findings(spec)))
                ready = _prepare(world, run, keeper, material_of(spec, parts), device)
                trainer = held.enter_context(_trainer(world, run, keeper, requests, ready, threads))
                heed_stop()
        except StopAsked:
            requests.end(
                state=RunState.STOPPED,
                reason="Stopped on request before its first step.",
                remedy="Resume it to go on.",
            )
            return
        held.enter_context(deterministic_if(spec.training.deterministic))
        _run(trainer, keeper, requests)


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """All that is the same at every step of a training."""

    spec: RunSpec
    """With the statistics that were measured."""
    material: Material
    model: BuiltModel
    replay: Replay | None
    team: Team
    step: TrainingStep
    watch: SampleWatch | None


def _prepare(
    world: World, run: PatientRun, keeper: Keeper, material: Material, device: torch.device
) -> _Ready:
    spec = world.by_first(lambda: resolve(run, run.spec(), material))
    replay = replay_of(run, spec, material)
    heed_stop()
    keeper.update(waiting_for="the model to be built")
    model = world.one_after_the_other(lambda: build(run, keeper, spec, device))
    heed_stop()
    keeper.update(waiting_for="the optimiser to be made and a checkpoint to be looked for")
    masters = Masters(model.module, spec, device)
    share = share_of(spec, world.rank, world.size, material.order)
    team = Team(world, share, wrap(model.module, spec.distributed, world.size))
    total_steps = total_steps_of(spec, material.order)
    step = TrainingStep(model, spec, device, total_steps, replay=replay, team=team, masters=masters)
    return _Ready(
        spec=spec,
        material=material,
        model=model,
        replay=replay,
        team=team,
        step=step,
        watch=watch_of(spec, material.validation, model.module),
    )


@contextmanager
def _trainer(
    world: World,
    run: PatientRun,
    keeper: Keeper,
    requests: Control,
    ready: _Ready,
    threads: int,
) -> Iterator[Trainer]:
    """The loop, gone on from the newest checkpoint; files and threads are let go of at the end."""
    spec, material, model, step = ready.spec, ready.material, ready.model, ready.step
    share, room = ready.team.share, Room(run, keeper, requests)
    stopping = EarlyStopping.of(spec.training) if material.validation else None
    saved = dict(step.parts) | ({"early_stopping": stopping} if stopping else {})
    always_best = not material.validation
    with (
        records_of(run, keeper, room, spec, world, step, ready.watch) as (records, metrics),
        TrainingBatches(
            material.train,
            ready.replay.order if ready.replay else share.order(material.order),
            crop=material.crop,
            prefetch=spec.loader.prefetch,
            stride=share.stride,
        ) as batches,
        Saver(
            run, room, metrics, spec, model, step, saved, threads, always_best=always_best
        ) as saver,
    ):
        trainer = Trainer(
            take_step=step,
            batches=batches,
            validate=_validation(requests, validator_of(run, spec, step, material, ready.watch)),
            records=records,
            requests=requests if world.is_alone else RequestsForAll(world, requests),
            save=ShownSaves(saves_of(saver, room, model, spec, world), requests),
            total_steps=step.total_steps,
            validate_every=spec.training.validate_every,
            save_every=spec.training.checkpoint_every,
            accumulate=spec.training.accumulate,
            share=share,
            best=Best(spec.training.best_metric),
            stopping=stopping,
        )
        resume(run, saver.store, trainer, model, step, saved, threads, world)
        yield trainer


def _validation(requests: Control, validate: Validate | None) -> Validate | None:
    """A validation that a stop is shown to wait for."""

    def validated(interrupted: Callable[[], bool]) -> Record | None:
        assert validate is not None
        with requests.during("a batch of the validation to end"):
            return validate(interrupted)

    return None if validate is None else validated


def _run(trainer: Trainer, keeper: Keeper, requests: Control) -> None:
    """Train and say how it ended."""
    requests.begin(trainer.step, trainer.total_steps)
    try:
        done = trainer.run()
    except TrainingError:
        # The weights are those of the last good step: worth keeping, to go on more carefully.
        trainer.save()
        raise
    finally:
        keeper.update(
            step=trainer.step,
            epoch=trainer.epoch,
            last_loss=trainer.last_loss,
            best_loss=trainer.best_loss,
        )
    if done:
        requests.end(state=RunState.COMPLETED, reason=trainer.stopped_early)
    else:
        reason = f"Stopped on request after step {trainer.step} of {trainer.total_steps}."
        requests.end(state=RunState.STOPPED, reason=reason, remedy="Resume it to go on.")
