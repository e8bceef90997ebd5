"""One fine-tuning run from its folder: the function that every launcher calls."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from aurora_dash.data.findings import Finding, launchable
from aurora_dash.data.mix import check_parts, close_parts, open_parts, said_of
from aurora_dash.errors import DataError, TrainingError
from aurora_dash.model.advice import trainable_findings
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.compiling import compile_blocks
from aurora_dash.model.load import LoadRefusedError
from aurora_dash.model.statistics import (
    ModelStatistics,
    inherit_statistics,
    resolve_mixed_statistics,
)
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run, RunStore
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
from aurora_dash.training.machine import set_threads
from aurora_dash.training.material import Material, ValidationPart, material_of
from aurora_dash.training.mix import MixedValidator, Validate
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.outputs import records_of, saves_of
from aurora_dash.training.plan import total_steps_of
from aurora_dash.training.record import DownloadProgress
from aurora_dash.training.rollout.buffer import memory_needed
from aurora_dash.training.rollout.replay import Replay
from aurora_dash.training.room import PatientRun, Room
from aurora_dash.training.saving import Saver, resume
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.stopping import Best, EarlyStopping
from aurora_dash.training.validation import Validator


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
    parts = open_parts(spec)
    try:
        findings = (*check_parts(parts), *trainable_findings(spec))
        _refuse_unless_launchable(run, findings)
        material = material_of(spec, parts)
        spec = world.by_first(lambda: _resolve(run, spec, material))
        replay = _replay(run, spec, material)
        keeper.update(waiting_for="the model to be built")
        model = world.one_after_the_other(lambda: _build(run, keeper, spec, device))
        total_steps = total_steps_of(spec, material.order)
        share = share_of(spec, world.rank, world.size, material.order)
        team = Team(world, share, wrap(model.module, spec.distributed, world.size))
        step = TrainingStep(model, spec, device, total_steps, replay=replay, team=team)
        stopping = EarlyStopping.of(spec.training) if material.validation else None
        saved = dict(step.parts) | ({"early_stopping": stopping} if stopping else {})
        always_best = not material.validation
        requests = Control(run, keeper, should_stop)
        room = Room(run, keeper, requests)
        with (
            records_of(run, keeper, room, spec, world, step) as (records, metrics),
            TrainingBatches(
                material.train,
                replay.order if replay else share.order(material.order),
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
                validate=_validator(run, spec, step, material),
                records=records,
                requests=requests if world.is_alone else RequestsForAll(world, requests),
                save=saves_of(saver, model, spec, world),
                total_steps=step.total_steps,
                validate_every=spec.training.validate_every,
                save_every=spec.training.checkpoint_every,
                accumulate=spec.training.accumulate,
                share=share,
                best=Best(spec.training.best_metric),
                stopping=stopping,
            )
            resume(run, saver.store, trainer, model, step, saved, threads, world)
            with deterministic_if(spec.training.deterministic):
                _run(trainer, keeper)
    finally:
        close_parts(parts)


def _run(trainer: Trainer, keeper: Keeper) -> None:
    """Train and say how it ended."""
    keeper.update(state=RunState.RUNNING, step=trainer.step, total_steps=trainer.total_steps)
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
        keeper.update(state=RunState.COMPLETED, reason=trainer.stopped_early)
    else:
        reason = f"Stopped on request after step {trainer.step} of {trainer.total_steps}."
        keeper.update(state=RunState.STOPPED, reason=reason, remedy="Resume it to go on.")


def _refuse_unless_launchable(run: Run, findings: Iterable[Finding]) -> None:
    """Write all findings to the events; `DataError` with the worst if training can't work."""
    findings = tuple(findings)
    for finding in findings:
        details = {k: v for k, v in finding.to_dict().items() if k not in ("severity", "message")}
        run.log_event(finding.severity, finding.message, **details)
    if not launchable(findings):
        errors = [finding for finding in findings if finding.severity == "error"]
        raise DataError(" ".join(e.message for e in errors), remedy=errors[0].remedy)


def _resolve(run: Run, spec: RunSpec, material: Material) -> RunSpec:
    """The spec with the new variables' statistics, measured on training times, and saved."""
    resolved = spec
    if spec.model.source == "run" and spec.model.run:
        resolved = inherit_statistics(spec, RunStore(run.folder.parent).get(spec.model.run).spec())
    resolved = resolve_mixed_statistics(resolved, material.measured)
    if resolved != spec:
        run.save_spec(resolved)
        run.log_event("info", "statistics of the new variables were filled into the spec")
    return resolved


def _build(run: Run, keeper: Keeper, spec: RunSpec, device: torch.device) -> BuiltModel:
    try:
        model = build_model(
            spec,
            ModelStatistics.for_spec(spec),
            store=RunStore(run.folder.parent),
            progress=DownloadProgress(keeper),
        )
    except LoadRefusedError as error:
        run.save_load_report({**error.report.to_dict(), "refused": error.message})
        raise
    run.save_load_report(model.report.to_dict())
    model.module.to(device)
    if spec.model.compile:
        count = compile_blocks(model.module)
        run.log_event(
            "info",
            f"the backbone's {count} Swin blocks are compiled in the first step and the first "
            "validation, which take minutes longer than those that follow",
            blocks=count,
        )
    total, trainable = model.num_parameters, model.num_trainable
    keeper.update(num_parameters=total, num_trainable=trainable)
    run.log_event("info", model.report.summary(), parameters=total, size=model.size)
    share = f"{trainable:,} of {total:,} parameters are trained"
    run.log_event("info", share, parts=spec.trainable.parts, trainable=trainable)
    if model.module.chunking is not None:
        model.module.chunking.told = lambda choice: run.log_event(
            "info", str(choice), chunks=choice.num_chunks, with_gradient=choice.work.with_gradient
        )
    return model


def _replay(run: Run, spec: RunSpec, material: Material) -> Replay | None:
    """The replay buffer if the spec asks for one; `TrainingError` if it would be too large."""
    if spec.rollout.kind != "replay":
        return None
    # A mix is refused where the spec is built.
    assert isinstance(material.order, BatchOrder)
    inputs, _ = material.train[0]
    needed = memory_needed(inputs, spec.rollout, spec.training.batch_size)
    run.log_event("info", f"the replay buffer takes up to {needed / 2**30:.3g} GiB", bytes=needed)
    return Replay(spec, material.order)


def _validator(run: Run, spec: RunSpec, step: TrainingStep, material: Material) -> Validate | None:
    averaged = step.average is not None and spec.optimiser.validate_ema

    def of(part: ValidationPart) -> Validator:
        return Validator(
            step.comparer,
            part.samples,
            spec.training.batch_size,
            weights=step.average.applied if step.average and averaged else nullcontext,
            warn=lambda message: run.log_event("warning", said_of(part.name, message)),
        )

    if not material.is_mixed:
        return next((of(part) for part in material.validation), None)
    parts = {part.name: (part.weight, of(part)) for part in material.validation}
    return MixedValidator(parts) if parts else None
