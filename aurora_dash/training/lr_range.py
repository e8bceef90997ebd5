"""A learning-rate range test: rates rise step by step, and the loss tells how far they may.

L. N. Smith, Cyclical learning rates for training neural networks, WACV 2017, section 3.3.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from aurora_dash.data.batches import Sample
from aurora_dash.data.check import check_for_training
from aurora_dash.data.findings import launchable
from aurora_dash.data.plan import training_times
from aurora_dash.data.source import open_data
from aurora_dash.data.windows import Split
from aurora_dash.errors import DataError, NotFiniteError, TrainingError
from aurora_dash.model.build import build_model
from aurora_dash.model.device import choose_device
from aurora_dash.model.groups import canonical_name
from aurora_dash.model.statistics import ModelStatistics, inherit_statistics, resolve_statistics
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RolloutSpec, RunSpec
from aurora_dash.training.loader import TrainingBatches
from aurora_dash.training.machine import set_threads, tiny_numbers_as_zero
from aurora_dash.training.plan import split_of
from aurora_dash.training.reading import order_of, samples_of
from aurora_dash.training.step import TrainingStep

_SMOOTHING = 0.9
_DIVERGED = 4.0
_FEWEST = 5


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What a test found; plain numbers."""

    rates: tuple[float, ...]
    """Learning rates of the weights that were there before; groups keep their ratios to it."""
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    """Exponential mean of the losses (0.9), without the bias of its start."""
    suggestion: float | None
    """A tenth of the rate at which the smoothed loss was lowest; None if it never fell."""
    reason: str
    """Why it ended, and what the suggestion rests on, in words."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@tiny_numbers_as_zero()
def range_test(
    spec: RunSpec,
    *,
    store: RunStore | None = None,
    lowest: float = 1e-7,
    highest: float = 1.0,
    num_steps: int = 100,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> RangeTest:
    """Train what a spec describes for some steps at rising rates; nothing is kept of it.

    Raises `AuroraDashError` if the spec can't be trained.
    """
    if not 0 < lowest < highest or num_steps < _FEWEST:
        raise TrainingError(
            f"A range test from {lowest:g} to {highest:g} in {num_steps} steps makes no sense; "
            f"expected 0 < lowest < highest and at least {_FEWEST} steps."
        )
    device = choose_device(spec.training.device)
    set_threads(spec.training.threads)
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    try:
        findings = check_for_training(opened, spec)
        if not launchable(findings):
            errors = [finding for finding in findings if finding.severity == "error"]
            raise DataError(" ".join(e.message for e in errors), remedy=errors[0].remedy)
        split = split_of(spec, opened.dataset)
        spec = _for_test(_resolved(spec, opened.dataset, split, store))
        model = build_model(spec, ModelStatistics.for_spec(spec), store=store)
        model.module.to(device)
        order = order_of(spec, len(split.train))
        samples = samples_of(spec, opened.dataset, split.train)
        step = TrainingStep(model, spec, device, num_steps)
        rates = rising_rates(lowest, highest, num_steps)
        with TrainingBatches(samples, order, prefetch=spec.loader.prefetch) as batches:
            count = spec.training.accumulate

            def take(number: int) -> Iterable[Sample]:
                progress(number, num_steps)
                return (batches.take(number * count + i) for i in range(count))

            losses, ended = sweep(step, take, rates, base=spec.optimiser.lr)
    finally:
        opened.close()
    return judge(rates[: len(losses)], losses, ended)


def rising_rates(lowest: float, highest: float, count: int) -> tuple[float, ...]:
    """`count` rates from `lowest` to `highest`, each the same factor above the one before."""
    factor = (highest / lowest) ** (1 / (count - 1))
    return tuple(lowest * factor**i for i in range(count))


def sweep(
    step: TrainingStep,
    take: Callable[[int], Iterable[Sample]],
    rates: Sequence[float],
    *,
    base: float,
) -> tuple[tuple[float, ...], str]:
    """The loss at each rate, and why it ended; weights and optimiser are restored afterwards.

    Groups keep the ratio of their rate to `base`. Ends before the last rate when the smoothed loss
    is four times its lowest, or a loss is not finite.
    """
    module, optimiser = step.comparer.module, step.optimiser
    trained = {canonical_name(n) for n, p in module.named_parameters() if p.requires_grad}
    weights = {n: v.cpu().clone() for n, v in module.state_dict().items() if n in trained}
    state = copy.deepcopy(optimiser.state_dict())
    ratios = [group["peak_lr"] / base for group in optimiser.param_groups]
    losses: list[float] = []
    try:
        for number, rate in enumerate(rates):
            for group, ratio in zip(optimiser.param_groups, ratios, strict=True):
                group["peak_lr"] = ratio * rate
            losses.append(step(number, take(number))["loss"])
            smooth = smoothed(losses)
            if smooth[-1] > _DIVERGED * min(smooth):
                return tuple(losses), f"The loss diverged at a rate of {rate:.3g}."
        return tuple(losses), "All rates were tried."
    except NotFiniteError:
        if not losses:
            raise
        return tuple(losses), f"The loss was no longer finite at a rate of {rate:.3g}."
    finally:
        own = module.state_dict()
        for name, value in weights.items():
            own[name].copy_(value)
        step.masters.write_back()
        optimiser.load_state_dict(state)


def smoothed(losses: Sequence[float]) -> list[float]:
    """Exponential means without the bias of a start at zero."""
    mean, found = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        found.append(mean / (1 - _SMOOTHING**count))
    return found


def judge(rates: Sequence[float], losses: Sequence[float], ended: str) -> RangeTest:
    """What losses at rising rates suggest."""
    smooth = smoothed(losses)
    best = min(range(len(smooth)), key=smooth.__getitem__)
    if best == 0 or not math.isfinite(smooth[best]):
        suggestion = None
        reason = f"{ended} The loss never fell: begin at a lower rate, or look at the data."
    else:
        suggestion = rates[best] / 10
        reason = (
            f"{ended} The smoothed loss was lowest at {rates[best]:.3g}; a tenth of that leaves "
            "room for noise."
        )
    return RangeTest(
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smooth),
        suggestion=suggestion,
        reason=reason,
    )


def _resolved(spec: RunSpec, dataset: xr.Dataset, split: Split, store: RunStore | None) -> RunSpec:
    """The spec with the statistics of new variables, as the engine fills them in."""
    if spec.model.source == "run" and spec.model.run and store is not None:
        spec = inherit_statistics(spec, store.get(spec.model.run).spec())
    return resolve_statistics(spec, dataset, training_times(split.train))


def _for_test(spec: RunSpec) -> RunSpec:
    """The spec with rates that the test alone decides, and without a replay buffer to fill."""
    optimiser = spec.optimiser.replace(schedule="constant", warmup_steps=0, ema_decay=None)
    spec = spec.replace(optimiser=optimiser, training=spec.training.replace(statistics_every=None))
    if spec.rollout.kind == "replay":
        return spec.replace(rollout=RolloutSpec(kind="backprop", steps=2))
    return spec
