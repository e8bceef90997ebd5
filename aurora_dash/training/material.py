"""What a run is trained on and validated with, of one data set or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import xarray as xr

from aurora_dash.data.batches import Samples, WindowSamples
from aurora_dash.data.mix import OpenedPart
from aurora_dash.data.plan import training_times
from aurora_dash.data.windows import Window
from aurora_dash.spec import RunSpec
from aurora_dash.training.crops import CentreCrop, RandomCrop
from aurora_dash.training.mix import JoinedSamples, MixedOrder
from aurora_dash.training.order import Order
from aurora_dash.training.plan import split_of
from aurora_dash.training.reading import order_of, samples_of
from aurora_dash.training.rollout.replay import replay_windows
from aurora_dash.training.validation import spread


@dataclass(frozen=True)
class ValidationPart:
    """What one part is validated with."""

    name: str
    """Empty where nothing is mixed."""
    weight: float
    samples: Samples
    levels: tuple[float, ...]
    """hPa."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Samples, and the order in which they are taken."""

    train: Samples
    order: Order
    crop: RandomCrop | None
    """What is cut out of the samples of a step; None: nothing."""
    validation: tuple[ValidationPart, ...]
    """Of the parts that keep something for validation."""
    measured: tuple[tuple[xr.Dataset, list[int]], ...]
    """Of each part the times that are trained on, by index."""
    is_mixed: bool


def material_of(spec: RunSpec, parts: Sequence[OpenedPart]) -> Material:
    """What `spec` makes of its opened data; no field is read but static ones.

    `DataError` if a part has no training sample.
    """

    def read(part: OpenedPart, windows: Sequence[Window]) -> WindowSamples:
        return samples_of(spec, part.dataset, windows, share=len(parts))

    splits = [split_of(part.spec, part.dataset) for part in parts]
    train = [
        read(part, _read_for_training(spec, split.train))
        for part, split in zip(parts, splits, strict=True)
    ]
    validation = [
        ValidationPart(
            part.name,
            part.weight,
            read(part, _validated(spec, split.validation)),
            _levels(part.dataset),
        )
        for part, split in zip(parts, splits, strict=True)
        if split.validation
    ]
    return Material(
        train=JoinedSamples(train) if spec.data.mix else train[0],
        order=_order(spec, [len(split.train) for split in splits]),
        crop=RandomCrop(spec.data.crop, spec.training.seed) if spec.data.crop else None,
        validation=tuple(_cut_for_validation(spec, part) for part in validation),
        measured=tuple(
            (part.dataset, training_times(split.train))
            for part, split in zip(parts, splits, strict=True)
        ),
        is_mixed=bool(spec.data.mix),
    )


def _read_for_training(spec: RunSpec, windows: Sequence[Window]) -> Sequence[Window]:
    return replay_windows(windows, spec) if spec.rollout.kind == "replay" else windows


def _validated(spec: RunSpec, windows: Sequence[Window]) -> list[Window]:
    wanted = spec.training.validation_samples
    shared = None if wanted is None else max(1, wanted // len(spec.data.parts))
    num_steps = spec.rollout.num_validated
    return [Window(w.inputs, w.targets[:num_steps]) for w in spread(windows, shared)]


def _order(spec: RunSpec, sizes: Sequence[int]) -> Order:
    alone = order_of(spec, sizes[0])
    if not spec.data.mix:
        return alone
    weights = tuple(part.weight for part in spec.data.mix)
    return MixedOrder(tuple(sizes), weights, alone.batch_size, alone.seed, alone.block)


def _cut_for_validation(spec: RunSpec, part: ValidationPart) -> ValidationPart:
    if spec.data.crop is None or spec.data.validation_crop == "whole":
        return part
    return replace(part, samples=CentreCrop(part.samples, spec.data.crop))


def _levels(dataset: xr.Dataset) -> tuple[float, ...]:
    return tuple(dataset["level"].values.tolist()) if "level" in dataset.coords else ()
