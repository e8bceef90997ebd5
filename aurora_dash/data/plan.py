"""What a spec asks of the times of its data: which samples, and how they are split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np

from aurora_dash.data.times import Times, format_time
from aurora_dash.data.windows import (
    Split,
    TimeParts,
    Window,
    make_windows,
    part_by_fraction,
    part_by_period,
    split_windows,
)
from aurora_dash.spec import RunSpec

Use = Literal["train", "gap", "validation"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Neighbouring times of one use; ``gap``: neither trained on nor validated with."""

    use: Use
    first: str
    last: str
    """As ``2025-06-01T06:00Z``, both inclusive."""
    num_times: int


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """How many samples there are for what, and when."""

    num_train: int
    num_validation: int
    num_left_out: int
    """Samples that touch both parts or the gap between them."""
    spans: tuple[Span, ...]
    """In order of time."""

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return asdict(self)


def num_targets_of(spec: RunSpec) -> int:
    """How many steps of a forecast a training sample has targets for."""
    return spec.rollout.num_targets


def windows_of(spec: RunSpec, times: Times) -> tuple[Window, ...]:
    """All samples of a run in the times of its data, before they are split.

    A time from which several lead times are asked for is a sample of each.
    """
    return tuple(
        window
        for lead_hours in spec.rollout.lead_hours or (spec.lead_hours,)
        for window in make_windows(
            times,
            history_hours=spec.model.catalogue_entry.timestep_hours,
            lead_hours=lead_hours,
            num_targets=num_targets_of(spec),
            stride=spec.data.stride,
        )
    )


def time_parts(spec: RunSpec, times: Times) -> TimeParts:
    """Which times of the data a run may train on, and which are for validation."""
    data = spec.data
    if data.has_validation_period:
        return part_by_period(
            times, data.validation_start, data.validation_end, gap_hours=data.gap_hours
        )
    windows = windows_of(spec, times)
    return part_by_fraction(windows, times, data.validation_fraction, gap_hours=data.gap_hours)


def split_times(spec: RunSpec, times: Times) -> Split:
    """The samples of a run to train on and to validate with; either may be empty."""
    return split_windows(windows_of(spec, times), time_parts(spec, times))


def describe_split(spec: RunSpec, times: Times) -> SplitSummary:
    """The split of a run in numbers and dates."""
    windows, parts = windows_of(spec, times), time_parts(spec, times)
    split = split_windows(windows, parts)
    num_train, num_validation = len(split.train), len(split.validation)
    return SplitSummary(
        num_train=num_train,
        num_validation=num_validation,
        num_left_out=len(windows) - num_train - num_validation,
        spans=tuple(_spans(times, parts)),
    )


def training_times(splits: Sequence[Window]) -> list[int]:
    """Indices of all times that some windows use, in order."""
    return sorted({index for window in splits for index in window.indices})


def _spans(times: Times, parts: TimeParts) -> list[Span]:
    moments = np.asarray(times)

    def use(index: int) -> Use:
        if parts.train[index]:
            return "train"
        return "validation" if parts.validation[index] else "gap"

    spans = []
    for name, group in groupby(range(len(moments)), key=use):
        indices = list(group)
        first, last = format_time(moments[indices[0]]), format_time(moments[indices[-1]])
        spans.append(Span(use=name, first=first, last=last, num_times=len(indices)))
    return spans
