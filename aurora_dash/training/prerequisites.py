"""What a training needs before its first step: sound data, a whole spec, a model, a validation."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext

import torch

from aurora_dash.data.findings import Finding, launchable
from aurora_dash.data.mix import said_of
from aurora_dash.errors import DataError
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.compiling import compile_blocks
from aurora_dash.model.load import LoadRefusedError
from aurora_dash.model.statistics import (
    ModelStatistics,
    inherit_statistics,
    resolve_mixed_statistics,
)
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training.keeper import Keeper
from aurora_dash.training.material import Material, ValidationPart
from aurora_dash.training.mix import MixedValidator, Validate
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.record import DownloadProgress
from aurora_dash.training.rollout.buffer import memory_needed
from aurora_dash.training.rollout.replay import Replay
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.validation import Validator
from aurora_dash.training.watched import SampleWatch


def refuse_unless_launchable(run: Run, findings: Iterable[Finding]) -> None:
    """Write all findings to the events; `DataError` with the worst if training can't work."""
    findings = tuple(findings)
    for finding in findings:
        details = {k: v for k, v in finding.to_dict().items() if k not in ("severity", "message")}
        run.log_event(finding.severity, finding.message, **details)
    if not launchable(findings):
        errors = [finding for finding in findings if finding.severity == "error"]
        raise DataError(" ".join(e.message for e in errors), remedy=errors[0].remedy)


def resolve(run: Run, spec: RunSpec, material: Material) -> RunSpec:
    """The spec with the new variables' statistics, measured on training times, and saved."""
    resolved = spec
    if spec.model.source == "run" and spec.model.run:
        resolved = inherit_statistics(spec, RunStore(run.folder.parent).get(spec.model.run).spec())
    resolved = resolve_mixed_statistics(resolved, material.measured)
    if resolved != spec:
        run.save_spec(resolved)
        run.log_event("info", "statistics of the new variables were filled into the spec")
    return resolved


def build(run: Run, keeper: Keeper, spec: RunSpec, device: torch.device) -> BuiltModel:
    """The model on its device, with what became of its weights in the run's folder and events."""
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


def replay_of(run: Run, spec: RunSpec, material: Material) -> Replay | None:
    """The replay buffer if the spec asks for one; `TrainingError` if it would be too large."""
    if spec.rollout.kind != "replay":
        return None
    # A mix is refused where the spec is built.
    assert isinstance(material.order, BatchOrder)
    inputs, _ = material.train[0]
    needed = memory_needed(inputs, spec.rollout, spec.training.batch_size)
    run.log_event("info", f"the replay buffer takes up to {needed / 2**30:.3g} GiB", bytes=needed)
    return Replay(spec, material.order)


def validator_of(
    run: Run,
    spec: RunSpec,
    step: TrainingStep,
    material: Material,
    watch: SampleWatch | None = None,
) -> Validate | None:
    """What validates, on one part of the data or on several; None without such data. `watch` is
    shown the forecasts of the part that it belongs to."""
    averaged = step.average is not None and spec.optimiser.validate_ema

    def of(part: ValidationPart) -> Validator:
        return Validator(
            step.comparer,
            part.samples,
            spec.training.batch_size,
            weights=step.average.applied if step.average and averaged else nullcontext,
            warn=lambda message: run.log_event("warning", said_of(part.name, message)),
            watch=watch if watch and watch.part == part.name else None,
        )

    if not material.is_mixed:
        return next((of(part) for part in material.validation), None)
    parts = {part.name: (part.weight, of(part)) for part in material.validation}
    return MixedValidator(parts) if parts else None
