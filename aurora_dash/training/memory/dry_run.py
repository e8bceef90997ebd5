"""One training step of a spec with tensors that have a shape and no memory.

Fake tensors poison their process (Aurora caches a mask of them), so that this runs in one of its
own: see `child`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from aurora import AuroraV1p5, Batch, Metadata
from torch import Tensor, nn
from torch._functorch import config as functorch_config
from torch._subclasses.fake_tensor import FakeTensorMode

from aurora_dash.data.batches import Sample, VariableNames
from aurora_dash.model import chunking
from aurora_dash.model.build import BuiltModel, build_hollow
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.emulation import DEVICE, emulated_cuda
from aurora_dash.training.memory.estimate import PARTS, Estimate
from aurora_dash.training.memory.ledger import Ledger
from aurora_dash.training.memory.question import Question, Shape
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.rollout.replay import Replay, first_lead
from aurora_dash.training.step import TrainingStep

Say = Callable[[str], None]

_START = datetime(2020, 1, 1, tzinfo=UTC)
_HISTORY = 2
_PARTS_OF_MODEL = ("encoder", "backbone", "decoder")


def dry_run(question: Question, *, store: RunStore | None = None, say: Say) -> Estimate:
    """The peak memory of a step that is not the first, when the optimiser has its states."""
    begun = time.monotonic()
    spec = question.spec
    say("building the model")
    built = build_hollow(spec, ModelStatistics.for_spec(spec), store=store)
    device = DEVICE if question.device == "cuda" else torch.device("cpu")
    with ExitStack() as rules:
        rules.enter_context(functorch_config.patch(fake_tensor_allow_meta=True))
        rules.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        ledger = rules.enter_context(Ledger(device))
        if question.device == "cuda":
            rules.enter_context(emulated_cuda())
        rules.enter_context(
            patch.object(chunking, "free_memory", lambda _: _free(question, ledger))
        )
        rules.enter_context(patch.object(AuroraV1p5, "_update_insolation", _any_insolation))
        step = _prepare(built, spec, device, ledger)
        say("taking a step")
        samples = [_sample(spec, question.shape) for _ in range(spec.training.accumulate)]
        with ledger.charged_to("batch"):
            ledger.begin()
            step(step.total_steps - 1, samples)
    return _answer(question, built, ledger, time.monotonic() - begun)


def _prepare(
    built: BuiltModel, spec: RunSpec, device: torch.device, ledger: Ledger
) -> TrainingStep:
    """The step of a training that has taken one: optimiser and average have what they keep."""
    with ledger.charged_to("parameters"):
        built.module.to_empty(device=device)
    replay = None
    if spec.rollout.kind == "replay":
        size = spec.training.batch_size
        replay = Replay(spec, BatchOrder(4 * size, size, spec.training.seed))
    with ledger.charged_to("optimiser"):
        step = TrainingStep(built, spec, device, spec.training.steps or 1, replay=replay)
    if step.average is not None:
        for average in step.average.state_dict()["weights"].values():
            if average.device == device:
                ledger.move(average, "average")
    for parameter in built.module.parameters():
        # Those that are held in half precision now are others than before.
        ledger.move(parameter, "parameters")
    trained = [p for p in built.module.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.grad = torch.empty_like(parameter)
    with ledger.charged_to("optimiser"):
        step.masters.step(step.optimiser)
    for parameter in trained:
        parameter.grad = None
        parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
            partial(_is_gradient, ledger)
        )
    for name in _PARTS_OF_MODEL:
        _charge_to(getattr(built.module, name), name, ledger)
    _charge_steps(step.optimiser, ledger)
    return step


def _charge_steps(optimiser: torch.optim.Optimizer, ledger: Ledger) -> None:
    """Charge what an optimiser makes to it; it may be called within the backward pass."""
    before: list[str] = []

    def begin(*_: object) -> None:
        before.append(ledger.part)
        ledger.part = "optimiser"

    optimiser.register_step_pre_hook(begin)
    optimiser.register_step_post_hook(lambda *_: _begin(ledger, before.pop()))


def _free(question: Question, ledger: Ledger) -> int:
    """What would be free on the device that the chunks are chosen for, before the first step."""
    return max(0, question.device_bytes - ledger.held("parameters", "average"))


def _is_gradient(ledger: Ledger, parameter: Tensor) -> None:
    if parameter.grad is not None:
        ledger.move(parameter.grad, "gradients")


def _begin(ledger: Ledger, part: str) -> None:
    ledger.part = part


def _charge_to(module: nn.Module, part: str, ledger: Ledger) -> None:
    """Charge what a module makes to it, forward and, from its output's gradient on, backward."""

    def before(*_: object) -> None:
        ledger.part = part

    def after(_: nn.Module, __: object, output: Any) -> None:
        ledger.part = "batch"
        for tensor in _tensors(output):
            if tensor.requires_grad:
                tensor.register_hook(  # type: ignore[no-untyped-call]
                    lambda _: _begin(ledger, part)
                )

    module.register_forward_pre_hook(before)
    module.register_forward_hook(after)


def _tensors(output: Tensor | Batch) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
        return
    for variables in (output.surf_vars, output.atmos_vars):
        yield from variables.values()


def _sample(spec: RunSpec, shape: Shape) -> Sample:
    """Inputs and targets on the host, as the loader gives them."""
    names = VariableNames.of(spec)
    batch_size = spec.training.batch_size
    lat, lon = torch.empty(shape.height), torch.empty(shape.width)

    def batch(
        num_times: int, surface: Sequence[str], atmospheric: Sequence[str], hours: int
    ) -> Batch:
        grid = (shape.height, shape.width)
        fields = (batch_size, num_times, *grid)
        layers = (batch_size, num_times, len(shape.levels), *grid)
        return Batch(
            surf_vars={name: torch.empty(fields) for name in surface},
            static_vars={name: torch.empty(grid) for name in names.static},
            atmos_vars={name: torch.empty(layers) for name in atmospheric},
            metadata=Metadata(
                lat=lat,
                lon=lon,
                time=(_START + timedelta(hours=hours),) * batch_size,
                atmos_levels=shape.levels,
            ),
        )

    predicted = set(spec.predicted_names)
    surface = [n for n in (*names.surface, *names.output_only) if n in predicted]
    levels = [n for n in (*names.atmospheric, *names.atmospheric_output_only) if n in predicted]
    leads = range(1, spec.rollout.num_targets + 1)
    if spec.rollout.kind == "replay":
        leads = range(first_lead(spec) + 1, first_lead(spec) + 2)
    targets = tuple(batch(1, surface, levels, lead * spec.lead_hours) for lead in leads)
    return batch(_HISTORY, names.surface, names.atmospheric, 0), targets


def _any_insolation(_: AuroraV1p5, prediction: Batch) -> Batch:
    """In place of V1.5's own method, which computes with numpy, as fake tensors can't."""
    known = prediction.surf_vars
    fresh = {name: torch.empty_like(known[name]) for name in ("insolation",) if name in known}
    return dataclasses.replace(prediction, surf_vars={**known, **fresh})


def _answer(question: Question, built: BuiltModel, ledger: Ledger, seconds: float) -> Estimate:
    return Estimate(
        device=question.device,
        height=question.shape.height,
        width=question.shape.width,
        num_levels=len(question.shape.levels),
        batch_size=question.spec.training.batch_size,
        num_parameters=built.num_parameters,
        num_trainable=built.num_trainable,
        parts={part: ledger.at_peak.get(part, 0) for part in PARTS},
        peak_part=ledger.peak_part,
        flops=ledger.flops * question.spec.training.accumulate,
        seconds=round(seconds, 1),
    )
